#include "tests/harness/invented_sweep.h"

#include <boost/test/unit_test.hpp>

#include <fmt/format.h>

namespace cardrig::tests {

using harness::Outcome;
using harness::PlaceOutcome;
using harness::SweepReport;

namespace {

void add_memory(SweepReport& report) {
    for (std::uint32_t write = 0; write < report.recorded.writes; ++write) {
        for (const char* model : {"lost-writes", "prefix half"}) {
            const bool broken = write >= 9 && write < 19;
            PlaceOutcome outcome = outcome_of(fmt::format("memory: write #{}: {}", write + 1, model),
                                              broken ? Outcome::open : Outcome::clean, write);
            if (broken) {
                outcome.broken = {
                    {"I2", "", "no certificate on the card is in date and works with its key", false, 0}};
                outcome.state = write < 14 ? "a" : "b";
                outcome.card_state = "9A new key, old certificate; 9C no key, no certificate";
            }
            report.places.push_back(outcome);
        }
    }
}

void add_recoveries(SweepReport& report) {
    PlaceOutcome mended = outcome_of("recovery: write #10: lost-writes", Outcome::window, 9);
    mended.state = "a";
    mended.card_state = "9A new key, old certificate; 9C no key, no certificate";
    mended.broken = {{"I2", "", "no certificate on the card is in date and works with its key", true, 0}};
    mended.runs = 1;
    PlaceOutcome broken = outcome_of("recovery: write #15: lost-writes", Outcome::violation, 14);
    broken.state = "b";
    broken.card_state = mended.card_state;
    broken.broken = {
        {"I2", "", "no certificate on the card is in date and works with its key", false, 2},
        {"I9", "", "the job is not finished after so many runs: 9A: there is no certificate", false, 2}};
    broken.runs = 2;
    report.places.push_back(mended);
    report.places.push_back(broken);
}

void add_live(SweepReport& report) {
    for (std::uint32_t command = 0; command < 12; ++command) {
        for (const char* model : {"before: kill-client", "after: kill-client"}) {
            const std::string place = fmt::format("live: any #{} {}", command + 1, model);
            PlaceOutcome outcome =
                outcome_of(place, command == 4 ? Outcome::window : Outcome::clean, command);
            if (command == 4) {
                outcome.broken = {{"I3", "", "the two certificates are not of one renewal", true, 1}};
                outcome.card_state = "9A renewed; 9C as before";
            }
            report.places.push_back(outcome);
        }
    }
    report.places[report.places.size() - 1].outcome = Outcome::diverged;
    report.places[report.places.size() - 1].message = "the client ended before it";
    PlaceOutcome lie = outcome_of("live: authority renewal before: fail 503", Outcome::violation, 12);
    lie.broken = {{"I8", "",
                   "its exit status says that all is done, and that is not so: 9A: its certificate is "
                   "due for renewal",
                   false, 1}};
    report.places.push_back(lie);
    report.not_reached.emplace_back(sweep_place_of("live: authority renewal after: fail 503"), 12);
    report.not_reached.emplace_back(sweep_place_of("live: authority renewal-done before: fail 503"), 13);
}

} // namespace

harness::SweepPlace sweep_place_of(const std::string& text) {
    const auto place = harness::SweepPlace::parse(text);
    BOOST_TEST_REQUIRE(place.has_value(), text << ": " << (place ? "" : place.error().message));
    return *place;
}

PlaceOutcome outcome_of(const std::string& place, Outcome outcome, std::uint32_t position) {
    PlaceOutcome result;
    result.place = sweep_place_of(place);
    result.outcome = outcome;
    result.position = position;
    result.client_phase = position < 8 ? "looking at the card" : "writing the certificate of 9A";
    result.card_state = "as before";
    result.seconds = 0.5;
    return result;
}

SweepReport empty_sweep() {
    SweepReport report;
    report.subject = {.scenario = "in-window.yaml",
                      .variant = "",
                      .title = "Renewed within the window",
                      .client = "reference",
                      .reader = "rig",
                      .seed = 1,
                      .protection = "journal",
                      .digest = "00FF",
                      .phases = {"memory", "recovery", "live"},
                      .models = {},
                      .places = "",
                      .reruns = 2,
                      .slowdown = 10};
    report.recorded = {
        .commands = 12,
        .writes = 30,
        .requests = 2,
        .seconds = 1.6,
        .differences = {},
        .phases_of_commands = {{0, "looking at the card"}, {8, "writing the certificate of 9A"}},
        .phases_of_writes = {{0, "looking at the card"}, {8, "writing the certificate of 9A"}}};
    report.replay = "cardrig sweep in-window.yaml --seed 1 --replay";
    report.seconds = 75;
    return report;
}

SweepReport invented_sweep() {
    SweepReport report = empty_sweep();
    report.images = 1234;
    report.recovery_cuts = 1174;
    report.merged = 1200;
    report.states = 34;
    report.depth = 3;
    add_memory(report);
    add_recoveries(report);
    add_live(report);
    return report;
}

} // namespace cardrig::tests
