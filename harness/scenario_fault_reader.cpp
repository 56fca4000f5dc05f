// The scenario language: faults and acts, which say in the same verbs what is done.
#include "harness/errors.h"
#include "harness/fault_verbs.h"
#include "harness/scenario_parts.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

/// What can be done between two runs.
bool is_act(Verb verb) {
    return target(verb) == Target::reader || target(verb) == Target::card;
}

/// Refuses what is no verb at all, with the nearest word of those that an act can begin with.
void check_act_word(const YamlValue& value) {
    const std::string text = value.text();
    const std::string first = text.substr(0, text.find_first_of(" \t"));
    if (first == "run") {
        value.refuse("'run' wants what must hold, as in 'run: {expect: {exit: success}}'");
    }
    if (first == "converge") {
        value.refuse("'converge' wants how often the client may be run, as in 'converge: {within: 2}'");
    }
    if (first == "clock") {
        value.refuse("'clock' wants how much later, as in 'clock: 2 years'");
    }
    if (first == "reinsert") {
        value.refuse("'reinsert' takes nothing: another card is put in with 'insert card NAME'");
    }
    if (!verb_from_word(first)) {
        std::vector<std::string> words{"reinsert", "run", "converge", "clock"};
        for (const VerbRow& row : verb_rows) {
            if (is_act(row.verb)) {
                words.emplace_back(row.word);
            }
        }
        value.refuse(unknown_word(first, words));
    }
}

Effect read_effect(const YamlValue& value, const Scenario& scenario) {
    const std::string text = value.text();
    auto effect = Effect::parse(text);
    if (!effect) {
        value.refuse(effect.error().message);
    }
    check_card_name(value, effect->card, scenario);
    if (effect->reader && (*effect->reader == 0 || *effect->reader > scenario.readers.size())) {
        value.refuse(fmt::format("reader {} in '{}': there {}", *effect->reader, text,
                                 scenario.readers.size() == 1
                                     ? std::string("is one reader")
                                     : fmt::format("are {} readers", scenario.readers.size())));
    }
    if (effect->verb == Verb::swap && scenario.cards.size() < 2) {
        value.refuse("'swap' wants another card: this scenario has one");
    }
    return std::move(*effect);
}

/// Without quotes YAML drops what follows " #", and "put-data #2" would silently mean the first. A place that
/// has its moment has lost nothing before that.
std::string place_text(const YamlValue& value) {
    const std::string text = value.text();
    for (const std::string_view moment : {" before", " after"}) {
        if (text.ends_with(moment) || text.find(fmt::format("{} card ", moment)) != std::string::npos) {
            return text;
        }
    }
    try {
        return value.quoted();
    } catch (const RequestError&) {
        value.refuse(
            fmt::format("the place '{}' stands in quotes, or ends with 'before' or 'after': in YAML ' "
                        "#' begins a comment",
                        text));
    }
}

bool same_place(Place one, Place other, const Scenario& scenario) {
    for (Place* const place : {&one, &other}) {
        if (place->card.empty()) {
            place->card = scenario.cards.front().name;
        }
    }
    return one == other;
}

/// What can be done at one place, one after the other.
void check_order(const YamlValue& value, const std::vector<Fault>& earlier, const Fault& next,
                 const Scenario& scenario) {
    for (const Fault& fault : earlier) {
        if (!same_place(fault.place, next.place, scenario)) {
            continue;
        }
        const Effect& effect = fault.effect;
        const bool elsewhere = effect.reader.has_value() || !effect.card.empty();
        if (interrupts(effect.verb) && !elsewhere && changes_answer(next.effect.verb)) {
            value.refuse(fmt::format("'{}' after '{}': then there is no answer any more", next.effect.text(),
                                     effect.text()));
        }
        if (effect.verb == Verb::answer && next.effect.verb == Verb::answer) {
            value.refuse(
                fmt::format("'{}' after '{}': a command has one answer", next.effect.text(), effect.text()));
        }
    }
}

/// One entry; what it says comes after `faults`.
void read_fault(const YamlValue& value, const Scenario& scenario, std::vector<Fault>& faults) {
    YamlMapping mapping = value.mapping();
    const YamlValue at = mapping.require("at");
    const YamlValue effects = mapping.require("do");
    mapping.finish();
    auto place = Place::parse(place_text(at));
    if (!place) {
        at.refuse(place.error().message);
    }
    check_card_name(at, place->card, scenario);
    const std::size_t earlier = faults.size();
    for (const YamlValue& one : one_or_more(effects)) {
        Fault fault{*place, read_effect(one, scenario)};
        if (fault.effect.verb == Verb::wait) {
            one.refuse("'wait' is what the hand does; nobody would wait for this place");
        }
        if (const auto fits = fault.check(); !fits) {
            one.refuse(fits.error().message);
        }
        check_order(one, faults, fault, scenario);
        faults.push_back(std::move(fault));
    }
    if (faults.size() == earlier) {
        effects.refuse("'do' is an effect, or a list of them");
    }
}

} // namespace

void check_card_name(const YamlValue& value, const std::string& name, const Scenario& scenario) {
    std::vector<std::string> names;
    std::ranges::transform(scenario.cards, std::back_inserter(names), &ScenarioCard::name);
    if (!name.empty() && std::ranges::find(names, name) == names.end()) {
        value.refuse(fmt::format("card {}", unknown_word(name, names)));
    }
}

std::vector<Fault> read_faults(const YamlValue& value, const Scenario& scenario) {
    std::vector<Fault> faults;
    for (const YamlValue& one : one_or_more(value)) {
        read_fault(one, scenario, faults);
    }
    if (faults.empty()) {
        value.refuse("'fault' is a place with what is done there, or a list of them");
    }
    return faults;
}

Effect read_act(const YamlValue& value, const Scenario& scenario) {
    check_act_word(value);
    Effect effect = read_effect(value, scenario);
    if (effect.tearing) {
        value.refuse(
            fmt::format("'{}': what a torn write leaves can only be said of a memory write, and here "
                        "nothing is written",
                        effect.text()));
    }
    if (is_act(effect.verb)) {
        return effect;
    }
    if (target(effect.verb) != Target::command) {
        value.refuse(fmt::format("'{}' between two runs: no client is there then", effect.text()));
    }
    value.refuse(fmt::format("'{}' is done to a command: say it as a fault of the next run, as in 'fault: "
                             "{{at: any before, do: {}}}'",
                             effect.text(), effect.text()));
}

std::vector<Effect> read_moves(const YamlValue& value, const Scenario& scenario) {
    std::vector<Effect> moves;
    for (const YamlValue& one : one_or_more(value)) {
        Effect effect = read_effect(one, scenario);
        if (effect.tearing) {
            one.refuse(fmt::format(
                "'{}': what a torn write leaves can only be said of a memory write, which no person "
                "sees",
                effect.text()));
        }
        if (!is_act(effect.verb) && effect.verb != Verb::kill_client) {
            one.refuse(fmt::format("'{}' is nothing that a person does: say it as a fault", effect.text()));
        }
        moves.push_back(std::move(effect));
    }
    if (moves.empty()) {
        value.refuse("'does' is an effect such as 'remove', or a list of them");
    }
    return moves;
}

} // namespace cardrig::harness
