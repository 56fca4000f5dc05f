#include "harness/scenario_judge.h"

#include "emulator/inspection.h"
#include "harness/invariants_client.h"
#include "harness/trace_expectations.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace cardrig::harness {

ScenarioJudge::ScenarioJudge(const Scenario& scenario, const ScenarioCards& cards, ScenarioReport& report)
    : scenario_(scenario), cards_(cards), report_(report), promises_(scenario, cards, memo_) {}

void ScenarioJudge::judge(const FinishedRun& finished) {
    judge(finished, promises_.look(finished));
}

bool ScenarioJudge::judge_attempt(const FinishedRun& finished, bool last) {
    RunFindings findings = promises_.look(finished);
    findings.job_unfinished = promises_.unfinished(finished, findings);
    if (findings.job_unfinished && !last) {
        judge_unfinished(finished, findings);
        return false;
    }
    findings.promises.front().push_back(promises_.convergence(finished, findings));
    judge(finished, findings);
    return true;
}

/// Another run follows: what this one left half done is a window.
void ScenarioJudge::judge_unfinished(const FinishedRun& finished, RunFindings& findings) {
    Expectation any_end;
    any_end.exit.kind =
        finished.outcome.exit_status == 0 ? ExitExpectation::Kind::success : ExitExpectation::Kind::failure;
    std::vector<Shortfall> found = check_outcome(any_end, finished.outcome);
    for (std::size_t card = 0; card < cards_.size(); ++card) {
        for (Promise& promise : findings.promises[card]) {
            promise.excused = promise.excused || may_wait(promise);
        }
        std::vector<Shortfall> of_card = check_promises({}, findings.promises[card]);
        std::ranges::move(
            check_unchanged(finished.run.expect.cards[card], finished.before[card], findings.after[card]),
            std::back_inserter(of_card));
        for (Shortfall& shortfall : of_card) {
            shortfall.card = cards_.shown_name(card);
            found.push_back(std::move(shortfall));
        }
    }
    report(finished, std::move(found));
    watch_windows(finished, findings);
}

// --- judging
// -------------------------------------------------------------------------------------------------

void ScenarioJudge::judge(const FinishedRun& finished, const RunFindings& findings) {
    const Expectation& expect = finished.run.expect;
    std::vector<Shortfall> found = check_outcome(expect, finished.outcome);
    std::vector<std::string> notices;
    std::ranges::move(check_sayings(expect, finished.outcome.output, finished.run.client.words, notices),
                      std::back_inserter(found));
    std::ranges::move(check_trace(expect.trace, finished.events, cards_.name(0)), std::back_inserter(found));
    std::ranges::move(check_authority(expect.authority, promises_.ledger(), finished.issued),
                      std::back_inserter(found));
    for (std::size_t card = 0; card < cards_.size(); ++card) {
        for (Shortfall& shortfall : judge_card(finished, card, findings)) {
            shortfall.card = cards_.shown_name(card);
            found.push_back(std::move(shortfall));
        }
    }
    const bool failed = !found.empty();
    report(finished, std::move(found));
    watch_windows(finished, findings);
    add_notices(finished, notices, failed);
}

std::vector<Shortfall> ScenarioJudge::judge_card(const FinishedRun& finished, std::size_t card,
                                                 const RunFindings& findings) const {
    const CardExpectation& expect = finished.run.expect.cards[card];
    std::vector<Shortfall> found;
    if (expect.says_something()) {
        const emulator::CardImage& baseline =
            expect.since_run ? finished.before[card] : cards_.made(card).image;
        found = check_card(expect, baseline, findings.after[card], finished.now,
                           cards_.made(card).issuer_certificate_pem);
    }
    std::ranges::move(check_unchanged(expect, finished.before[card], findings.after[card]),
                      std::back_inserter(found));
    std::ranges::move(check_promises(expect, findings.promises[card]), std::back_inserter(found));
    return found;
}

void ScenarioJudge::report(const FinishedRun& finished, std::vector<Shortfall> found) {
    // That a client crashed, hung, flooded its card or left processes explains the others.
    std::stable_partition(found.begin(), found.end(), [](const Shortfall& shortfall) {
        return shortfall.what.find("the client ") != std::string::npos;
    });
    for (Shortfall& shortfall : found) {
        shortfall.act = finished.act;
        report_.shortfalls.push_back(std::move(shortfall));
    }
}

void ScenarioJudge::add_notices(const FinishedRun& finished, const std::vector<std::string>& notices,
                                bool failed) {
    for (const std::string& notice : notices) {
        report_.notices.push_back(fmt::format("{}: {}", finished.act, notice));
    }
    // Worth knowing where something did not hold; otherwise the client just had no need to ask.
    for (const std::string& act : failed ? finished.outcome.unused_acts : std::vector<std::string>{}) {
        report_.notices.push_back(
            fmt::format("{}: the client never printed what the person waits for at {}", finished.act, act));
    }
}

/// A run opens windows as it says, or where nobody has to say it, and closes those of earlier runs whose
/// promise holds again.
void ScenarioJudge::watch_windows(const FinishedRun& finished, const RunFindings& findings) {
    for (std::size_t card = 0; card < cards_.size(); ++card) {
        const std::string name = cards_.shown_name(card);
        const std::string which = name.empty() ? std::string() : fmt::format("card {}: ", name);
        const auto& invariants = finished.run.expect.cards[card].invariants;
        for (const Promise& promise : findings.promises[card]) {
            std::vector<Window>& open = open_windows_[{card, promise.id}];
            if (!promise.broken) {
                for (const Window& window : open) {
                    report_.windows[window.place] += fmt::format(", closed by run {}", finished.number);
                }
                open.clear();
                continue;
            }
            const auto said = invariants.find(promise.id);
            const bool is_said = said != invariants.end();
            if (is_said ? said->second == PromiseState::window : promise.excused) {
                open.push_back({report_.windows.size(), is_said ? finished.act : std::string()});
                report_.windows.push_back(
                    fmt::format("run {}: {}{}: {}", finished.number, which, promise.id, *promise.broken));
            }
        }
    }
}

void ScenarioJudge::finish() {
    for (const auto& [where, windows] : open_windows_) {
        for (const Window& window : windows) {
            if (!window.act.empty()) {
                report_.shortfalls.push_back({window.act, cards_.shown_name(where.first), where.second,
                                              "a window that a later run closes",
                                              "it is open still at the scenario's end"});
            }
        }
    }
}

} // namespace cardrig::harness
