#include "harness/scenario_moves.h"

#include "harness/errors.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

constexpr std::chrono::seconds settling_limit{10};

} // namespace

ScenarioMoves::ScenarioMoves(const Scenario& scenario, const ScenarioCards& cards, Rig& rig, Hand& hand,
                             const Trace& trace, std::function<void(const std::string&)> add_notice)
    : scenario_(scenario), cards_(cards), rig_(rig), hand_(hand), trace_(trace),
      add_notice_(std::move(add_notice)) {}

/// The reader that the first card is in from the start, else the first one that is empty.
std::size_t ScenarioMoves::first_home() const {
    for (const std::optional<std::size_t> wanted :
         {std::optional<std::size_t>(0), std::optional<std::size_t>()}) {
        const auto found = std::ranges::find(scenario_.readers, wanted, &ScenarioReader::card);
        if (found != scenario_.readers.end()) {
            return static_cast<std::size_t>(found - scenario_.readers.begin());
        }
    }
    return 0;
}

void ScenarioMoves::move(const Effect& effect, const std::string& place) {
    const bool was_in = reader_of_first().has_value();
    try {
        add_notice_(hand_.act(effect, settling_limit, [this] { rig_.check(); }).notice);
    } catch (const RequestError& error) {
        throw RequestError(fmt::format("{}: {}", place, error.what()));
    } catch (const HostError& error) {
        throw HostError(fmt::format("{}: {}", place, error.what()));
    }
    if (effect.verb == Verb::cut_power && was_in && !reader_of_first()) {
        relaxed_removal_ = last_move_of_first()->number;
    }
}

/// Of the first card and its reader.
void ScenarioMoves::move_card(Verb verb, std::size_t reader, const std::string& place) {
    Effect effect;
    effect.verb = verb;
    effect.card = verb == Verb::insert ? cards_.name(0) : std::string();
    effect.reader = static_cast<std::uint32_t>(reader + 1);
    move(effect, place);
}

std::optional<std::size_t> ScenarioMoves::reader_of_first() {
    for (std::size_t i = 0; i < rig_.size(); ++i) {
        if (rig_.reader(i).card() == &cards_.card(0)) {
            return i;
        }
    }
    return std::nullopt;
}

/// Whoever moved it; none: nobody has.
std::optional<TraceEvent> ScenarioMoves::last_move_of_first() const {
    std::optional<TraceEvent> last;
    for (const TraceEvent& event : trace_.events()) {
        if (event.kind == "reader" && event.fields.value("card", "") == cards_.name(0)) {
            last = event;
        }
    }
    return last;
}

/// The reader that it is in, or was last, or is meant to be.
std::size_t ScenarioMoves::home_of_first() const {
    const auto last = last_move_of_first();
    return last ? static_cast<std::size_t>(last->reader) : first_home();
}

/// Whether the first card is out, though nobody took it out: vpcd can have no card that says nothing.
bool ScenarioMoves::left_by_itself() {
    const auto last = last_move_of_first();
    return last && !reader_of_first() && rig_.reader(static_cast<std::size_t>(last->reader)).plugged() &&
           (last->fields.at("event") == "inserted" || last->number == relaxed_removal_);
}

void ScenarioMoves::put_in(const std::string& place) {
    const std::size_t home = home_of_first();
    if (!rig_.reader(home).plugged()) {
        move_card(Verb::plug, home, place);
    }
    if (const auto in = reader_of_first(); in && cards_.card(0).lost_power()) {
        move_card(Verb::remove, *in, place); // put in anew, it has power again
    }
    if (!reader_of_first()) {
        move_card(Verb::insert, home, place);
    }
}

void ScenarioMoves::take_out(const std::string& place) {
    if (const auto in = reader_of_first()) {
        move_card(Verb::remove, *in, place);
    }
}

/// A run begins when clients can have seen all that faults have moved in the one before.
void ScenarioMoves::settle(const std::string& place) {
    for (std::size_t i = 0; i < rig_.size(); ++i) {
        if (!rig_.reader(i).settle(settling_limit, [this] { rig_.check(); })) {
            throw HostError(fmt::format("{}: {}: what was moved in it cannot be seen after {} seconds", place,
                                        rig_.reader_name(i), settling_limit.count()));
        }
    }
}

void ScenarioMoves::clear() {
    for (std::size_t i = 0; i < rig_.size(); ++i) {
        rig_.reader(i).remove();
        rig_.reader(i).plug();
    }
    relaxed_removal_ = 0;
}

void ScenarioMoves::set_out() {
    const bool first_is_out = scenario_.acts.front().run->card_in == CardIn::no;
    for (std::size_t i = 0; i < rig_.size(); ++i) {
        const std::optional<std::size_t> card = scenario_.readers[i].card;
        if (!card || (first_is_out && *card == 0)) {
            continue;
        }
        move_other(Verb::insert, i, *card);
    }
}

void ScenarioMoves::move_other(Verb verb, std::size_t reader, std::size_t card) {
    Effect effect;
    effect.verb = verb;
    effect.card = verb == Verb::insert ? cards_.name(card) : std::string();
    effect.reader = static_cast<std::uint32_t>(reader + 1);
    move(effect, scenario_.file);
}

void ScenarioMoves::set_right() {
    for (std::size_t i = 0; i < rig_.size(); ++i) {
        if (!rig_.reader(i).plugged()) {
            move_other(Verb::plug, i, 0);
        }
        const ReaderCard* const in = rig_.reader(i).card();
        const std::optional<std::size_t> home = scenario_.readers[i].card;
        const bool belongs = home && in == &cards_.card(*home) && !cards_.card(*home).lost_power();
        const bool first_elsewhere = in == &cards_.card(0) && !home;
        if (in != nullptr && !belongs && !first_elsewhere) {
            move_other(Verb::remove, i, 0);
        }
    }
    for (std::size_t i = 0; i < rig_.size(); ++i) {
        const std::optional<std::size_t> home = scenario_.readers[i].card;
        if (home && *home != 0 && rig_.reader(i).card() == nullptr) {
            move_other(Verb::insert, i, *home);
        }
    }
}

void ScenarioMoves::prepare(const ScenarioRun& run) {
    settle(run.place);
    switch (run.card_in) {
    case CardIn::yes:
        put_in(run.place);
        break;
    case CardIn::no:
        take_out(run.place);
        break;
    case CardIn::as_it_is:
        // It should have stayed in without power (relax.h said so).
        if (rig_.kind() == ReaderKind::vpcd && left_by_itself()) {
            put_in(run.place);
        }
        break;
    }
}

void ScenarioMoves::reinsert(const std::string& place) {
    take_out(place);
    put_in(place);
}

} // namespace cardrig::harness
