// Any text is a scenario or is refused at a place; a scenario that was read can be run.
#include "harness/scenario.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/refusal.h"

#include <regex>

namespace harness = cardrig::harness;

namespace {

void check(const harness::ScenarioRun& run) {
    fuzz::require(!run.client.command.empty() && !run.client.command.front().empty(),
                  "a client has a program");
    fuzz::require(run.place.starts_with("fuzz.yaml:"), "a run has a place");
    for (const harness::Fault& fault : run.faults) {
        fuzz::require(fault.check().has_value(), "place and effect go together");
        fuzz::require(harness::Place::parse(fault.place.text()) == fault.place, "a place can be written");
        const auto effect = harness::Effect::parse(fault.effect.text());
        fuzz::require(effect && effect->text() == fault.effect.text(), "an effect can be written");
    }
    for (const auto* patterns : {&run.expect.output, &run.expect.never}) {
        for (const std::string& pattern : *patterns) {
            static_cast<void>(std::regex_search("one line", std::regex(pattern)));
        }
    }
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::read_or_refuse("fuzz.yaml:", [&] {
        const harness::Scenario scenario = harness::parse_scenario(fuzz::text({data, size}), "fuzz.yaml");
        fuzz::require(!scenario.title.empty() && !scenario.shows.empty() && !scenario.profile.empty(),
                      "what must be there is there");
        fuzz::require(!scenario.acts.empty() && scenario.acts.front().run, "the first act is a run");
        for (const harness::Act& act : scenario.acts) {
            if (act.run) {
                check(*act.run);
            }
        }
        static_cast<void>(scenario.passcodes());
    });
    return 0;
}
