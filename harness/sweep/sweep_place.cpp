#include "harness/sweep/sweep_place.h"

#include "harness/notation_words.h"
#include "harness/yaml.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace cardrig::harness {

namespace {

using apdu::failure;
using apdu::Result;

constexpr auto phase_words = std::to_array<std::pair<SweepPhase, std::string_view>>({
    {SweepPhase::memory, "memory"},
    {SweepPhase::recovery, "recovery"},
    {SweepPhase::live, "live"},
});

/// How a place of each phase is written.
std::string form(SweepPhase phase) {
    if (phase == SweepPhase::live) {
        return "'live: put-data signature-certificate block 3 before: remove'";
    }
    return fmt::format("'{}: write #57: prefix half' or '{}: write #57: prefix half; recovery 3: "
                       "lost-writes'",
                       word(phase), word(phase));
}

std::string_view trimmed(std::string_view text) {
    const std::size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
    const std::size_t end = text.find_last_not_of(" \t");
    return text.substr(begin, end == std::string_view::npos ? 0 : end + 1 - begin);
}

/// What stands before the first colon and behind it, without blanks around them.
std::optional<std::pair<std::string_view, std::string_view>> parted(std::string_view text,
                                                                    std::size_t colon) {
    if (colon == std::string_view::npos) {
        return std::nullopt;
    }
    return std::pair{trimmed(text.substr(0, colon)), trimmed(text.substr(colon + 1))};
}

Result<Tearing> read_tearing(std::string_view text, SweepPhase phase) {
    if (text.empty()) {
        return failure(
            fmt::format("a tearing model is missing behind the last colon: it is written {}", form(phase)));
    }
    return Tearing::parse(fmt::format("{}", fmt::join(notation_words(text), " ")));
}

/// "recovery 3: lost-writes", of which `text` is what stands behind a semicolon.
Result<RecoveryCut> read_recovery_cut(std::string_view text, SweepPhase phase) {
    const auto parts = parted(text, text.find(':'));
    const auto words = notation_words(parts ? parts->first : text);
    if (!parts || words.size() != 2 || words[0] != "recovery") {
        return failure(fmt::format("'{}' is no cut in a recovery: it is written {}", text, form(phase)));
    }
    RecoveryCut cut;
    const char* const end = words[1].data() + words[1].size();
    const auto read = std::from_chars(words[1].data(), end, cut.write);
    if (read.ec != std::errc{} || read.ptr != end || cut.write == 0) {
        return failure(
            fmt::format("'{}' after 'recovery' is no number of a memory write: 1 is the first", words[1]));
    }
    const auto tearing = read_tearing(parts->second, phase);
    if (!tearing) {
        return tl::make_unexpected(tearing.error());
    }
    cut.tearing = *tearing;
    return cut;
}

/// Of the memory or the recovery phase, from behind its word.
Result<SweepPlace> read_cut(std::string_view text, SweepPhase phase) {
    std::size_t end = std::min(text.find(';'), text.size());
    const std::string_view first = text.substr(0, end);
    const auto parts = parted(first, first.rfind(':'));
    if (!parts) {
        return failure(
            fmt::format("'{}' has no tearing model: it is written {}", trimmed(first), form(phase)));
    }
    SweepPlace result;
    result.phase = phase;
    auto place = Place::parse(parts->first);
    if (!place) {
        return tl::make_unexpected(place.error());
    }
    if (place->where != Where::card || !place->command.empty()) {
        return failure(fmt::format("'{}' in the phase {}: only a memory write is cut there, counted over the "
                                   "whole run; it is written {}",
                                   parts->first, word(phase), form(phase)));
    }
    result.place = std::move(*place);
    const auto tearing = read_tearing(parts->second, phase);
    if (!tearing) {
        return tl::make_unexpected(tearing.error());
    }
    result.effect.tearing = *tearing;
    while (end < text.size()) {
        const std::size_t next = std::min(text.find(';', end + 1), text.size());
        const auto cut = read_recovery_cut(trimmed(text.substr(end + 1, next - end - 1)), phase);
        if (!cut) {
            return tl::make_unexpected(cut.error());
        }
        result.further.push_back(*cut);
        end = next;
    }
    return result;
}

/// Of the live phase, from behind its word.
Result<SweepPlace> read_live(std::string_view text) {
    const auto parts = parted(text, text.rfind(':'));
    if (!parts) {
        return failure(
            fmt::format("'{}' has no effect behind a colon: it is written {}", text, form(SweepPhase::live)));
    }
    auto place = Place::parse(parts->first);
    if (!place) {
        return tl::make_unexpected(place.error());
    }
    if (place->where != Where::card && place->where != Where::authority) {
        return failure(fmt::format("'{}' in the phase live: a sweep interrupts commands and the authority's "
                                   "requests; it is written {}",
                                   parts->first, form(SweepPhase::live)));
    }
    auto effect = Effect::parse(parts->second);
    if (!effect) {
        return tl::make_unexpected(effect.error());
    }
    if (const auto fits = Fault{*place, *effect, 0}.check(); !fits) {
        return tl::make_unexpected(fits.error());
    }
    SweepPlace result;
    result.place = std::move(*place);
    result.effect = std::move(*effect);
    return result;
}

} // namespace

std::string_view word(SweepPhase phase) {
    const auto* const found =
        std::ranges::find(phase_words, phase, &std::pair<SweepPhase, std::string_view>::first);
    return found == phase_words.end() ? std::string_view() : found->second;
}

std::optional<SweepPhase> sweep_phase_from_word(std::string_view text) {
    const auto* const found =
        std::ranges::find(phase_words, text, &std::pair<SweepPhase, std::string_view>::second);
    return found == phase_words.end() ? std::nullopt : std::optional(found->first);
}

Result<SweepPlace> SweepPlace::parse(std::string_view text) {
    const auto parts = parted(text, text.find(':'));
    if (!parts) {
        return failure(fmt::format("'{}' is no place of a sweep: it is written {}, or {}", trimmed(text),
                                   form(SweepPhase::live), form(SweepPhase::memory)));
    }
    const auto phase = sweep_phase_from_word(parts->first);
    if (!phase) {
        std::vector<std::string> known;
        for (const SweepPhase each : all_sweep_phases) {
            known.emplace_back(word(each));
        }
        return failure(fmt::format("phase {}; a place is written {}", unknown_word(parts->first, known),
                                   form(SweepPhase::live)));
    }
    return *phase == SweepPhase::live ? read_live(parts->second) : read_cut(parts->second, *phase);
}

std::string SweepPlace::text() const {
    const bool live = phase == SweepPhase::live;
    std::string text = fmt::format("{}: {}: {}", word(phase), place.text(),
                                   live ? effect.text() : effect.tearing.value_or(Tearing{}).text());
    for (const RecoveryCut& cut : further) {
        text += fmt::format("; recovery {}: {}", cut.write, cut.tearing.text());
    }
    return text;
}

std::string SweepPlace::model() const {
    if (phase != SweepPhase::live) {
        return effect.tearing.value_or(Tearing{}).text();
    }
    if (place.write) { // of a command's: no moment
        return effect.text();
    }
    return fmt::format("{} {}", effect.text(), place.moment == Moment::before ? "before" : "after");
}

} // namespace cardrig::harness
