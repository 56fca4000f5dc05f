#include "harness/scenario_judge.h"

#include "emulator/inspection.h"
#include "harness/invariants_client.h"
#include "harness/trace_expectations.h"

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

std::vector<emulator::CardImage> made_images(const ScenarioCards& cards) {
    std::vector<emulator::CardImage> images;
    for (std::size_t i = 0; i < cards.size(); ++i) {
        images.push_back(cards.made(i).image);
    }
    return images;
}

ClientEvidence evidence_of(const FinishedRun& finished, const Scenario& scenario, const MadeCard& made,
                           const emulator::CardImage& after) {
    return {finished.run,
            finished.outcome,
            finished.run.client.words,
            made.image,
            finished.before.front(),
            after,
            finished.events,
            finished.issued,
            scenario.authority.rules.window,
            finished.now,
            made.issuer_certificate_pem};
}

/// What a card began to take and did not get whole.
bool left_unfinished(const emulator::CardImage& image) {
    const auto state = emulator::inspect(image);
    return !state ||
           std::ranges::any_of(state->objects, [](const auto& object) { return object.second.unfinished; });
}

/// What a run that may leave its work half done still must not do.
bool may_wait(const std::string& id) {
    return id == "I2" || id == "I3" || id == "I4";
}

} // namespace

ScenarioJudge::ScenarioJudge(const Scenario& scenario, const ScenarioCards& cards, ScenarioReport& report)
    : scenario_(scenario), cards_(cards), report_(report), ledger_(made_images(cards)) {}

void ScenarioJudge::judge(const FinishedRun& finished) {
    const Findings findings = look(finished);
    ledger_.see(findings.after, finished.events);
    judge(finished, findings);
}

bool ScenarioJudge::judge_attempt(const FinishedRun& finished, bool last) {
    Findings findings = look(finished);
    ledger_.see(findings.after, finished.events);
    findings.job_unfinished = unfinished(finished, findings);
    if (findings.job_unfinished && !last) {
        judge_unfinished(finished, findings);
        return false;
    }
    findings.promises.front().push_back(convergence(finished, findings));
    judge(finished, findings);
    return true;
}

// --- looking
// -------------------------------------------------------------------------------------------------

ScenarioJudge::Findings ScenarioJudge::look(const FinishedRun& finished) const {
    Findings findings{cards_.images(), {}, std::nullopt};
    for (std::size_t card = 0; card < cards_.size(); ++card) {
        findings.promises.push_back(promises_of(finished, card, findings.after[card]));
    }
    std::ranges::move(promises_of_run(finished, findings.after.front()),
                      std::back_inserter(findings.promises.front()));
    return findings;
}

std::vector<Promise> ScenarioJudge::promises_of(const FinishedRun& finished, std::size_t card,
                                                const emulator::CardImage& after) const {
    const MadeCard& made = cards_.made(card);
    const CardExpectation& expect = finished.run.expect.cards[card];
    std::vector<std::string> passcodes = scenario_.passcodes();
    passcodes.push_back(made.passcode);
    const std::vector<TraceEvent> events = commands_of(finished.events, cards_.shown_name(card));
    Evidence evidence{made.image,           finished.before[card], after,          events,
                      std::move(passcodes), finished.now,          finished.issued};
    // The first is what runs are about; another one's keys and tries are where its scenario speaks of them.
    evidence.may_lose_tries = card == 0 || expect.may_lose_tries();
    evidence.may_be_renewed = card == 0 || expect.may_be_renewed();
    return check_invariants(evidence);
}

std::vector<Promise> ScenarioJudge::promises_of_run(const FinishedRun& finished,
                                                    const emulator::CardImage& after) const {
    return check_client(evidence_of(finished, scenario_, cards_.made(0), after));
}

// --- convergence
// ---------------------------------------------------------------------------------------------

std::optional<std::string> ScenarioJudge::unfinished(const FinishedRun& finished,
                                                     const Findings& findings) const {
    if (finished.outcome.exit_status != 0) {
        return "the client's end was: " + finished.outcome.ending;
    }
    const emulator::CardImage& after = findings.after.front();
    if (auto why = pair_not_renewed(evidence_of(finished, scenario_, cards_.made(0), after))) {
        return why;
    }
    if (left_unfinished(after)) {
        return "the card holds an object that was not written to its end";
    }
    for (const auto& promises : findings.promises) {
        const auto broken =
            std::ranges::find_if(promises, [](const Promise& promise) { return promise.broken.has_value(); });
        if (broken != promises.end()) {
            return fmt::format("{}: {}", broken->id, *broken->broken);
        }
    }
    return std::nullopt;
}

/// I9.
Promise ScenarioJudge::convergence(const FinishedRun& finished, const Findings& findings) const {
    Promise promise{"I9", std::nullopt};
    const std::vector<IssueRecord> unused = ledger_.unused(finished.issued);
    if (findings.job_unfinished) {
        promise.broken = "the job is not finished after so many runs: " + *findings.job_unfinished;
    } else if (unused.size() > 1) {
        promise.broken =
            fmt::format("{} certificates at the authority were never on a card: {}, {}{}", unused.size(),
                        issue_text(unused[0]), issue_text(unused[1]), unused.size() > 2 ? ", ..." : "");
    }
    return promise;
}

/// Another run follows: what this one left half done is a window.
void ScenarioJudge::judge_unfinished(const FinishedRun& finished, Findings& findings) {
    Expectation any_end;
    any_end.exit.kind =
        finished.outcome.exit_status == 0 ? ExitExpectation::Kind::success : ExitExpectation::Kind::failure;
    std::vector<Shortfall> found = check_outcome(any_end, finished.outcome);
    for (std::size_t card = 0; card < cards_.size(); ++card) {
        for (Promise& promise : findings.promises[card]) {
            promise.excused = promise.excused || may_wait(promise.id);
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

void ScenarioJudge::judge(const FinishedRun& finished, const Findings& findings) {
    const Expectation& expect = finished.run.expect;
    std::vector<Shortfall> found = check_outcome(expect, finished.outcome);
    std::vector<std::string> notices;
    std::ranges::move(check_sayings(expect, finished.outcome.output, finished.run.client.words, notices),
                      std::back_inserter(found));
    std::ranges::move(check_trace(expect.trace, finished.events, cards_.name(0)), std::back_inserter(found));
    std::ranges::move(check_authority(expect.authority, ledger_, finished.issued), std::back_inserter(found));
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
                                                 const Findings& findings) const {
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
    std::ranges::stable_partition(found, [](const Shortfall& shortfall) {
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
void ScenarioJudge::watch_windows(const FinishedRun& finished, const Findings& findings) {
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
