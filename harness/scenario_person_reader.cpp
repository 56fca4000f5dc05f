// The scenario language: the person in front of the client.
#include "harness/scenario_parts.h"

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

/// A passcode may be in it: messages do not repeat it.
std::string read_line(const YamlValue& value, const Scenario& scenario) {
    if (value.quoted().find_first_of("\r\n") != std::string::npos) {
        value.refuse("what a person types is one line");
    }
    return with_placeholders(value, scenario);
}

PersonAct read_person_act(const YamlValue& value, const Scenario& scenario) {
    PersonAct act;
    act.place = value.place();
    YamlMapping mapping = value.mapping();
    act.when = read_pattern(mapping.require("when"));
    if (const auto types = mapping.take("types")) {
        act.types = read_line(*types, scenario);
    }
    if (const auto does = mapping.take("does")) {
        act.does = read_moves(*does, scenario);
    }
    if (const auto always = mapping.take("always")) {
        act.always = always->boolean();
    }
    mapping.finish();
    if (!act.types && act.does.empty()) {
        mapping.refuse("a person 'types' a line or 'does' something, or both");
    }
    return act;
}

} // namespace

ScenarioPerson read_person(const YamlValue& value, const Scenario& scenario) {
    ScenarioPerson person;
    std::optional<YamlValue> acts = value;
    if (!value.is_sequence()) {
        if (!value.is_mapping()) {
            value.refuse(
                "'person' is a list of acts, as in [{when: 'Passcode: $', types: \"123456\"}], or a mapping "
                "of 'on' and 'acts'");
        }
        YamlMapping mapping = value.mapping();
        if (const auto on = mapping.take("on")) {
            person.terminal = on->word({"terminal", "pipe"}) == "terminal";
        }
        acts = mapping.require("acts");
        mapping.finish();
        if (!acts->is_sequence()) {
            acts->refuse("'acts' is a list, as in [{when: 'Passcode: $', types: \"123456\"}]");
        }
    }
    for (const YamlValue& act : acts->sequence()) {
        person.acts.push_back(read_person_act(act, scenario));
    }
    return person;
}

} // namespace cardrig::harness
