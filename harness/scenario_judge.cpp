#include "harness/scenario_judge.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

/// Of one card's commands, wherever it was: where there are several cards, their events bear their names.
std::vector<TraceEvent> commands_of(const std::vector<TraceEvent>& events, const std::string& card) {
    std::vector<TraceEvent> found;
    std::ranges::copy_if(events, std::back_inserter(found), [&card](const TraceEvent& event) {
        return event.kind == "apdu" && event.fields.value("card", "") == card;
    });
    return found;
}

} // namespace

ScenarioJudge::ScenarioJudge(const Scenario& scenario, const ScenarioCards& cards, ScenarioReport& report)
    : scenario_(scenario), cards_(cards), report_(report) {}

void ScenarioJudge::judge(const FinishedRun& finished) {
    std::vector<Shortfall> found = check_outcome(finished.run.expect, finished.outcome);
    for (std::size_t card = 0; card < cards_.size(); ++card) {
        std::vector<Shortfall> of_card;
        judge_card(finished, card, cards_.card(card).image(), of_card);
        for (Shortfall& shortfall : of_card) {
            shortfall.card = cards_.shown_name(card);
            found.push_back(std::move(shortfall));
        }
    }
    for (Shortfall& shortfall : found) {
        shortfall.act = finished.act;
        report_.shortfalls.push_back(std::move(shortfall));
    }
}

void ScenarioJudge::judge_card(const FinishedRun& finished, std::size_t card,
                               const emulator::CardImage& after, std::vector<Shortfall>& found) {
    const CardExpectation& expect = finished.run.expect.cards[card];
    const MadeCard& made = cards_.made(card);
    const emulator::CardImage& before = finished.before[card];
    if (expect.says_something()) {
        const bool since_run = expect.since_run || expect.unchanged;
        found = check_card(expect, since_run ? before : made.image, after, finished.now);
    }

    std::vector<std::string> passcodes = scenario_.passcodes();
    passcodes.push_back(made.passcode);
    const std::vector<TraceEvent> events = commands_of(finished.events, cards_.shown_name(card));
    const std::vector<Promise> promises =
        check_invariants({made.image, before, after, events, passcodes, finished.now});
    std::ranges::move(check_promises(expect, promises), std::back_inserter(found));
    watch_windows(finished, card, promises);
}

/// A run opens windows as it says, and closes those of earlier runs whose promise holds again.
void ScenarioJudge::watch_windows(const FinishedRun& finished, std::size_t card,
                                  const std::vector<Promise>& promises) {
    const std::string name = cards_.shown_name(card);
    const std::string which = name.empty() ? std::string() : fmt::format("card {}: ", name);
    for (const Promise& promise : promises) {
        std::vector<std::size_t>& open = open_windows_[{card, promise.id}];
        if (!promise.broken) {
            for (const std::size_t window : open) {
                report_.windows[window] += fmt::format(", closed by run {}", finished.number);
            }
            open.clear();
            continue;
        }
        const auto& invariants = finished.run.expect.cards[card].invariants;
        const auto said = invariants.find(promise.id);
        if (said != invariants.end() && said->second == PromiseState::window) {
            open.push_back(report_.windows.size());
            report_.windows.push_back(
                fmt::format("run {}: {}{}: {}", finished.number, which, promise.id, *promise.broken));
        }
    }
}

} // namespace cardrig::harness
