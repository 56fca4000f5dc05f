#include "harness/scenario_cards.h"

#include "emulator/inspection.h"
#include "harness/card_diff.h"
#include "harness/errors.h"
#include "harness/files.h"
#include "harness/relax.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include <sys/stat.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace cardrig::harness {

namespace {

/// What differs between the card that was made and the one that is left.
std::string difference(const emulator::CardImage& from, const emulator::CardImage& to) {
    const auto before = emulator::inspect(from);
    const auto after = emulator::inspect(to);
    if (!before || !after) {
        return "it cannot be read: " + (before ? after.error().message : before.error().message);
    }
    const std::vector<std::string> lines = card_differences(*before, *after);
    return lines.empty() ? "none" : fmt::format("{}", fmt::join(lines, "\n"));
}

/// Where what is wrong with a card stands: an override is named by its key, anything else is the profile's.
std::string place_of_mistake(const ScenarioCard& card, std::string_view message) {
    const auto meant = std::ranges::find_if(card.set_places, [&](const auto& change) {
        return message.starts_with(fmt::format("override {}:", change.first));
    });
    return meant == card.set_places.end() ? card.profile_place : meant->second;
}

/// Two cards with one seed would draw the same keys.
std::optional<std::uint64_t> seed_of(std::optional<std::uint64_t> seed, std::size_t index) {
    return seed ? std::optional(*seed + index) : std::nullopt;
}

} // namespace

std::vector<MadeCard> make_scenario_cards(const Scenario& scenario, std::chrono::sys_seconds now,
                                          CardIssuer* issuer) {
    std::vector<MadeCard> made;
    for (const ScenarioCard& card : scenario.cards) {
        MakeOptions options;
        options.overrides = card.set;
        options.now = now;
        options.issuer = issuer;
        options.real_timing = scenario.real_timing;
        // No two cards are the same device; the first is as its profile says.
        options.identity = made.empty() ? std::string() : card.name;
        try {
            made.push_back(make_card(card.profile, options));
        } catch (const RequestError& error) {
            throw RequestError(fmt::format("{}: {}", place_of_mistake(card, error.what()), error.what()));
        }
    }
    return made;
}

void check_scenario_readers(const Scenario& scenario, ReaderKind kind) {
    std::vector<std::string> names;
    std::ranges::transform(scenario.readers, std::back_inserter(names), &ScenarioReader::name);
    try {
        check_readers(names, kind);
    } catch (const RequestError& error) {
        throw RequestError(fmt::format("{}: readers: {}", scenario.readers_place, error.what()));
    }
}

ScenarioCards::ScenarioCards(const Scenario& scenario, std::optional<std::uint64_t> seed,
                             std::chrono::sys_seconds now, CardIssuer& issuer, Trace& trace)
    : scenario_(scenario), made_(make_scenario_cards(scenario, now, &issuer)) {
    for (std::size_t i = 0; i < made_.size(); ++i) {
        const auto home = std::ranges::find(scenario.readers, std::optional(i), &ScenarioReader::card);
        const auto reader = home == scenario.readers.end() ? -1 : home - scenario.readers.begin();
        rigged_.push_back(std::make_unique<RiggedCard>(static_cast<int>(reader), made_[i].image,
                                                       seed_of(seed, i), trace, shown_name(i)));
    }
}

std::string ScenarioCards::shown_name(std::size_t index) const {
    return made_.size() == 1 ? std::string() : name(index);
}

std::vector<emulator::CardImage> ScenarioCards::images() const {
    std::vector<emulator::CardImage> images;
    std::ranges::transform(rigged_, std::back_inserter(images),
                           [](const auto& card) { return card->image(); });
    return images;
}

void ScenarioCards::set_forsaken(bool forsaken) const {
    for (const auto& card : rigged_) {
        card->set_forsaken(forsaken);
    }
    for (const auto& card : rigged_) {
        static_cast<void>(card->mute()); // waits for a command that runs
    }
}

void ScenarioCards::hurry() const {
    for (const auto& card : rigged_) {
        card->hurry();
    }
}

void ScenarioCards::rewind(const std::vector<emulator::CardImage>& images, std::uint64_t seed) const {
    for (std::size_t i = 0; i < size(); ++i) {
        rigged_[i]->rewind(images.at(i), *seed_of(seed, i));
    }
}

void ScenarioCards::set_clock_offset(std::chrono::seconds offset) const {
    for (const auto& card : rigged_) {
        card->set_clock_offset(offset);
    }
}

std::vector<RigReaderPlan> ScenarioCards::readers() const {
    const bool first_is_out = scenario_.acts.front().run->card_in == CardIn::no;
    std::vector<RigReaderPlan> plans;
    for (const ScenarioReader& reader : scenario_.readers) {
        const bool occupied = reader.card && !(first_is_out && *reader.card == 0);
        plans.push_back({reader.name, occupied ? &card(*reader.card) : nullptr});
    }
    return plans;
}

std::vector<HandCard> ScenarioCards::for_hand() const {
    std::vector<HandCard> cards;
    for (std::size_t i = 0; i < size(); ++i) {
        cards.push_back({name(i), rigged_[i].get()});
    }
    return cards;
}

std::vector<std::string> ScenarioCards::secrets() const {
    std::vector<std::string> secrets = scenario_.passcodes();
    for (const MadeCard& made : made_) {
        secrets.insert(secrets.end(), {made.passcode, made.unblocking_code, made.management_key});
    }
    return secrets;
}

std::map<std::string, std::string> ScenarioCards::hand_out(const std::string& folder) const {
    std::map<std::string, std::string> values;
    for (std::size_t i = 0; i < size(); ++i) {
        const std::string suffix = i == 0 ? std::string() : "-" + name(i);
        const std::string authority = folder + "/authority" + suffix;
        if (::mkdir(authority.c_str(), 0700) != 0) {
            throw HostError(fmt::format("{}: cannot make this folder", authority));
        }
        write_file(authority + "/ca.crt", std::string_view(made_[i].issuer_certificate_pem));
        write_file(authority + "/ca.key", std::string_view(made_[i].issuer_key_pem));
        values["authority" + suffix] = authority;
        values["management-key" + suffix] = made_[i].management_key;
    }
    return values;
}

std::vector<CardCourse> ScenarioCards::courses() const {
    std::vector<CardCourse> courses;
    for (std::size_t i = 0; i < size(); ++i) {
        courses.push_back({name(i), difference(made_[i].image, rigged_[i]->image())});
    }
    return courses;
}

void ScenarioCards::keep(const std::string& folder) const {
    for (std::size_t i = 0; i < size(); ++i) {
        const std::string suffix = size() == 1 ? std::string() : "-" + name(i);
        write_file(fmt::format("{}/start{}.card", folder, suffix), made_[i].image.serialize());
        write_file(fmt::format("{}/end{}.card", folder, suffix), rigged_[i]->image().serialize());
    }
}

} // namespace cardrig::harness
