// The scenario language: what a run's trace must hold and must not.
#include "harness/notation_words.h"
#include "harness/quantity.h"
#include "harness/scenario_parts.h"
#include "harness/trace_places.h"

#include <algorithm>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

constexpr std::int64_t most_commands = 1'000'000;

/// Why a place cannot be looked for in a trace as it is written; none: it can.
std::optional<std::string> not_for_traces(const std::string& text, const Place& place) {
    if (place.where == Where::output || place.where == Where::card_time) {
        return "a trace is searched for commands and for requests to the authority; 'output' and 'never' "
               "search what "
               "the client prints, and 'time' bounds how long it takes";
    }
    for (const std::string_view word : notation_words(text)) {
        if (word == "before" || word == "after" || word == "block" || word == "write" ||
            word.starts_with('#')) {
            return fmt::format(
                "'{}': in 'trace' a place is a command or a request with what it is about, as in "
                "'generate-key-pair 9A card agent', without moment, number, block and write",
                word);
        }
    }
    return std::nullopt;
}

Place parse_place(const std::string& text, const std::function<void(const std::string&)>& refuse) {
    auto place = Place::parse(text);
    if (!place) {
        refuse(place.error().message);
    }
    if (const auto reason = not_for_traces(text, *place)) {
        refuse(*reason);
    }
    return std::move(*place);
}

Place read_trace_place(const YamlValue& value, const Scenario& scenario) {
    Place place = parse_place(value.text(), [&](const std::string& message) { value.refuse(message); });
    check_card_name(value, place.card, scenario);
    return place;
}

std::vector<Place> read_trace_places(const YamlValue& value, const Scenario& scenario) {
    std::vector<Place> places;
    for (const YamlValue& one : one_or_more(value)) {
        places.push_back(read_trace_place(one, scenario));
    }
    return places;
}

void read_before(const YamlValue& value, const Scenario& scenario, TraceExpectation& trace) {
    YamlMapping mapping = value.mapping();
    for (const std::string& key : mapping.keys()) {
        const auto refuse = [&](const std::string& message) { mapping.refuse_key(key, message); };
        Place first = parse_place(key, refuse);
        const YamlValue later = mapping.require(key);
        const bool known =
            first.card.empty() ||
            std::ranges::find(scenario.cards, first.card, &ScenarioCard::name) != scenario.cards.end();
        if (!known) {
            refuse(fmt::format("card '{}' is none of this scenario's", first.card));
        }
        for (const YamlValue& one : one_or_more(later)) {
            Place second = read_trace_place(one, scenario);
            if (second == first) {
                one.refuse(fmt::format("'{}' before itself", key));
            }
            if (std::ranges::find(trace.before, std::pair(second, first)) != trace.before.end()) {
                one.refuse(fmt::format("'{}' before '{}' stands here, too: one of the two",
                                       trace_place_text(second), key));
            }
            trace.before.emplace_back(first, std::move(second));
        }
    }
    check_says_something(mapping);
}

/// What is wanted and forbidden at once.
void check_against(const YamlValue& never, const TraceExpectation& trace) {
    for (std::size_t i = 0; i < trace.never.size(); ++i) {
        const Place& never_at = trace.never[i];
        const bool wanted = std::ranges::any_of(trace.holds, [&never_at](Place holds) {
            if (never_at.card.empty()) { // there it means any
                holds.card.clear();
            }
            return holds == never_at;
        });
        if (wanted) {
            one_or_more(never)[i].refuse("this stands under 'holds', too: one of the two");
        }
    }
}

std::uint32_t read_count(const YamlValue& value, std::int64_t min) {
    return static_cast<std::uint32_t>(value.integer(min, most_commands));
}

} // namespace

TraceExpectation read_trace_expectation(const YamlValue& value, const Scenario& scenario) {
    TraceExpectation trace;
    YamlMapping mapping = value.mapping();
    if (const auto holds = mapping.take("holds")) {
        trace.holds = read_trace_places(*holds, scenario);
    }
    if (const auto never = mapping.take("never")) {
        trace.never = read_trace_places(*never, scenario);
        check_against(*never, trace);
    }
    if (const auto before = mapping.take("before")) {
        read_before(*before, scenario, trace);
    }
    if (const auto tries = mapping.take("failed-tries")) {
        trace.failed_tries = read_count(*tries, 0);
    }
    if (const auto apdus = mapping.take("apdus")) {
        trace.apdus = read_count(*apdus, 0);
    }
    if (const auto time = mapping.take("time")) {
        const std::chrono::microseconds longest = read_wait(*time);
        if (longest < std::chrono::milliseconds(1)) {
            time->refuse("'time' is 1 ms at least");
        }
        trace.time = std::chrono::floor<std::chrono::milliseconds>(longest);
    }
    mapping.finish();
    check_says_something(mapping);
    return trace;
}

} // namespace cardrig::harness
