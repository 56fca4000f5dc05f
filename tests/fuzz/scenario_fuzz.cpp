// Any text is a scenario or is refused at a place; a scenario that was read can be run.
#include "harness/reader_kind.h"
#include "harness/scenario.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/refusal.h"

#include <algorithm>
#include <regex>
#include <string>

namespace harness = cardrig::harness;

namespace {

bool known(const std::string& card, const harness::Scenario& scenario) {
    return card.empty() || std::ranges::count(scenario.cards, card, &harness::ScenarioCard::name) == 1;
}

void check(const harness::Effect& effect, const harness::Scenario& scenario) {
    fuzz::require(known(effect.card, scenario), "an effect's card exists");
    fuzz::require(!effect.reader || (*effect.reader >= 1 && *effect.reader <= scenario.readers.size()),
                  "an effect's reader exists");
}

/// Names that can be told apart, and no card in two readers.
void check_places(const harness::Scenario& scenario) {
    fuzz::require(!scenario.cards.empty() && !scenario.readers.empty(), "there are cards and readers");
    fuzz::require(scenario.readers.size() <= harness::most_rig_readers, "there can be so many readers");
    for (const harness::ScenarioCard& card : scenario.cards) {
        fuzz::require(!card.profile.empty() && known(card.name, scenario), "a card has a profile and a name");
    }
    for (const harness::ScenarioReader& reader : scenario.readers) {
        fuzz::require(!reader.card || *reader.card < scenario.cards.size(), "what is in a reader exists");
        fuzz::require(!reader.card || std::ranges::count(scenario.readers, reader.card,
                                                         &harness::ScenarioReader::card) == 1,
                      "a card is in one reader");
    }
}

void check(const harness::TraceExpectation& trace, const harness::Scenario& scenario) {
    std::vector<harness::Place> places = trace.holds;
    places.insert(places.end(), trace.never.begin(), trace.never.end());
    for (const auto& [first, second] : trace.before) {
        places.insert(places.end(), {first, second});
    }
    for (const harness::Place& place : places) {
        fuzz::require(known(place.card, scenario), "a place's card exists");
        fuzz::require(place.where == harness::Where::card || place.where == harness::Where::authority,
                      "a trace is searched for commands and requests");
        fuzz::require(!place.block && !place.write && place.occurrence == 1,
                      "a place of a trace is a whole command");
    }
}

void check(const harness::ScenarioRun& run, const harness::Scenario& scenario) {
    fuzz::require(run.expect.cards.size() == scenario.cards.size(), "something is expected of each card");
    if (run.client.use.empty()) {
        fuzz::require(!run.client.command.empty() && !run.client.command.front().empty(),
                      "a client has a program");
    } else {
        fuzz::require(run.client.command.empty() && !run.client.task.empty(),
                      "a client known by name has a task");
    }
    fuzz::require(run.answers.empty() || !run.person,
                  "lines are there from the start, or a person types them");
    fuzz::require(run.place.starts_with("fuzz.yaml:"), "a run has a place");
    for (const harness::Fault& fault : run.faults) {
        fuzz::require(fault.check().has_value(), "place and effect go together");
        fuzz::require(harness::Place::parse(fault.place.text()) == fault.place, "a place can be written");
        const auto effect = harness::Effect::parse(fault.effect.text());
        fuzz::require(effect && effect->text() == fault.effect.text(), "an effect can be written");
        fuzz::require(known(fault.place.card, scenario), "a place's card exists");
        check(fault.effect, scenario);
    }
    check(run.expect.trace, scenario);
    for (const harness::PersonAct& act : run.person ? run.person->acts : std::vector<harness::PersonAct>{}) {
        static_cast<void>(std::regex(act.when));
        fuzz::require(act.types || !act.does.empty(), "a person does something");
        for (const harness::Effect& effect : act.does) {
            check(effect, scenario);
        }
    }
    for (const auto* patterns : {&run.expect.output, &run.expect.never}) {
        for (const std::string& pattern : *patterns) {
            static_cast<void>(std::regex(pattern)); // throws where it cannot be read
        }
    }
}

void check(const harness::Scenario& scenario) {
    fuzz::require(!scenario.title.empty() && !scenario.shows.empty(), "what must be there is there");
    check_places(scenario);
    fuzz::require(!scenario.acts.empty() && scenario.acts.front().run, "the first act is a run");
    for (const harness::Act& act : scenario.acts) {
        if (const harness::ScenarioRun* const run = act.running()) {
            check(*run, scenario);
        }
        if (act.effect) {
            check(*act.effect, scenario);
        }
        fuzz::require(!act.clock || (scenario.faked_clock && act.clock->count() > 0), "the clock moves on");
    }
    for (const auto* const names : {&scenario.authority.revoked, &scenario.authority.unknown}) {
        for (const std::string& name : *names) {
            fuzz::require(!name.empty() && known(name, scenario), "the authority's cards exist");
        }
    }
    static_cast<void>(scenario.passcodes());
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::read_or_refuse("fuzz.yaml:", [&] {
        const auto scenarios = harness::parse_scenarios(fuzz::text({data, size}), "fuzz.yaml");
        fuzz::require(!scenarios.empty() && scenarios.size() <= 256, "a file has its scenarios");
        for (const harness::Scenario& scenario : scenarios) {
            check(scenario);
            fuzz::require(scenarios.size() == 1 || !scenario.variant.empty(),
                          "the rows of a matrix have names");
        }
    });
    return 0;
}
