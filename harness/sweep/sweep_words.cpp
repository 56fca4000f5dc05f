#include "harness/sweep/sweep_words.h"

#include "harness/errors.h"
#include "harness/notation_words.h"
#include "harness/sweep/sweep_plan.h"
#include "harness/yaml.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace cardrig::harness {

namespace {

constexpr auto units = std::to_array<std::pair<std::string_view, std::int64_t>>({{"s", 1},
                                                                                 {"second", 1},
                                                                                 {"seconds", 1},
                                                                                 {"m", 60},
                                                                                 {"min", 60},
                                                                                 {"minute", 60},
                                                                                 {"minutes", 60},
                                                                                 {"h", 3600},
                                                                                 {"hour", 3600},
                                                                                 {"hours", 3600}});
constexpr std::chrono::seconds longest_budget = std::chrono::days(30);

/// What commas part, with single blanks between its words; an empty one is refused.
std::vector<std::string> parted(const std::string& text, const char* option) {
    std::vector<std::string> parts;
    for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t end = std::min(text.find(',', begin), text.size());
        const auto words = notation_words(std::string_view(text).substr(begin, end - begin));
        if (words.empty()) {
            throw RequestError(fmt::format("{}: an empty word in '{}'", option, text));
        }
        parts.push_back(fmt::format("{}", fmt::join(words, " ")));
        begin = end + 1;
    }
    return parts;
}

/// Whether the word is a model, or its first words.
bool is_model(const std::string& word, const std::vector<std::string>& models) {
    return std::ranges::any_of(
        models, [&](const std::string& model) { return model == word || model.starts_with(word + " "); });
}

} // namespace

std::chrono::seconds budget_from_words(const std::string& text) {
    const auto wrong = [&] {
        return RequestError(
            fmt::format("--budget: '{}' is no time: say it as in '90 s', '10 minutes' or '2h'", text));
    };
    const char* const end = text.data() + text.size();
    std::uint32_t number = 0;
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    const auto rest = notation_words(std::string_view(stop, static_cast<std::size_t>(end - stop)));
    if (error != std::errc{} || rest.size() != 1) {
        throw wrong();
    }
    const auto* const unit = std::ranges::find(units, rest.front(), &decltype(units)::value_type::first);
    if (unit == units.end()) {
        throw wrong();
    }
    const std::chrono::seconds budget(number * unit->second);
    if (budget.count() == 0 || budget > longest_budget) {
        throw RequestError(fmt::format("--budget: '{}': it is above 0 and at most 30 days", text));
    }
    return budget;
}

std::set<SweepPhase> phases_from_words(const std::string& text) {
    std::vector<std::string> known;
    for (const SweepPhase phase : all_sweep_phases) {
        known.emplace_back(word(phase));
    }
    std::set<SweepPhase> phases;
    for (const std::string& part : parted(text, "--phases")) {
        const auto phase = sweep_phase_from_word(part);
        if (!phase) {
            throw RequestError(fmt::format("--phases: {}", unknown_word(part, known)));
        }
        phases.insert(*phase);
    }
    return phases;
}

std::vector<std::string> model_words() {
    std::vector<std::string> words;
    SweepPlace cut;
    cut.phase = SweepPhase::memory;
    cut.place.write = 1;
    for (const Tearing& tearing : all_tearings()) {
        cut.effect.tearing = tearing;
        words.push_back(cut.model());
    }
    const auto add = [&](const std::vector<Effect>& effects) {
        for (const Effect& effect : effects) {
            for (const Moment moment : {Moment::before, Moment::after}) {
                SweepPlace place;
                place.effect = effect;
                place.place.moment = moment;
                if (std::ranges::find(words, place.model()) == words.end()) {
                    words.push_back(place.model());
                }
            }
        }
    };
    add(interruptions());
    add(authority_effects());
    return words;
}

std::vector<std::string> models_from_words(const std::string& text) {
    const std::vector<std::string> known = model_words();
    std::vector<std::string> nearest = known;
    for (const std::string& model : known) {
        nearest.push_back(model.substr(0, model.find(' ')));
    }
    std::ranges::sort(nearest);
    nearest.erase(std::unique(nearest.begin(), nearest.end()), nearest.end());
    std::vector<std::string> models = parted(text, "--models");
    for (const std::string& model : models) {
        if (!is_model(model, known)) {
            throw RequestError(fmt::format("--models: {}", unknown_word(model, nearest)));
        }
    }
    return models;
}

} // namespace cardrig::harness
