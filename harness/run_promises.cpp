#include "harness/run_promises.h"

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

} // namespace

bool may_wait(const Promise& promise) {
    return promise.id == "I2" || promise.id == "I3" || promise.id == "I4";
}

RunPromises::RunPromises(const Scenario& scenario, const ScenarioCards& cards, emulator::InspectionMemo& memo)
    : scenario_(scenario), cards_(cards), memo_(memo), ledger_(made_images(cards), &memo) {}

/// Of the first card.
ClientEvidence RunPromises::evidence_of(const FinishedRun& finished, const emulator::CardImage& after) const {
    const MadeCard& made = cards_.made(0);
    return {finished.run,
            finished.outcome,
            finished.run.client.words,
            made.image,
            finished.before.front(),
            after,
            finished.events,
            finished.issued,
            scenario_.authority.rules.window,
            finished.now,
            made.issuer_certificate_pem,
            &memo_};
}

/// What a card began to take and did not get whole.
bool RunPromises::left_unfinished(const emulator::CardImage& image) const {
    const auto state = emulator::inspect(image, memo_);
    return !state ||
           std::ranges::any_of(state->objects, [](const auto& object) { return object.second.unfinished; });
}

RunFindings RunPromises::look(const FinishedRun& finished) {
    RunFindings findings{cards_.images(), {}, std::nullopt};
    for (std::size_t card = 0; card < cards_.size(); ++card) {
        findings.promises.push_back(promises_of(finished, card, findings.after[card]));
    }
    const emulator::CardImage& first = findings.after.front();
    std::ranges::move(check_client(evidence_of(finished, first)),
                      std::back_inserter(findings.promises.front()));
    ledger_.see(findings.after, finished.events);
    return findings;
}

std::vector<Promise> RunPromises::promises_of(const FinishedRun& finished, std::size_t card,
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
    evidence.memo = &memo_;
    return check_invariants(evidence);
}

std::optional<std::string> RunPromises::not_renewed(const FinishedRun& finished,
                                                    const emulator::CardImage& after) const {
    return pair_not_renewed(evidence_of(finished, after));
}

std::optional<std::string> RunPromises::unfinished(const FinishedRun& finished, const RunFindings& findings,
                                                   Job job) const {
    const bool may_say_no = job == Job::renewal_once && finished.outcome.exit_status &&
                            !not_renewed(finished, finished.before.front());
    if (finished.outcome.exit_status != 0 && !may_say_no) {
        return "the client's end was: " + finished.outcome.ending;
    }
    const emulator::CardImage& after = findings.after.front();
    if (auto why = job == Job::any ? std::nullopt : not_renewed(finished, after)) {
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

Promise RunPromises::convergence(const FinishedRun& finished, const RunFindings& findings) const {
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

} // namespace cardrig::harness
