#include "harness/invariants_client.h"

#include "emulator/inspection.h"
#include "harness/certificate_chain.h"
#include "harness/patterns.h"
#include "harness/trace_places.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

using emulator::CardImage;
using emulator::CardState;
using emulator::CertificateState;
using emulator::SlotState;

constexpr std::array<emulator::piv::KeyReference, 2> pair_slots{emulator::piv::authentication_key,
                                                                emulator::piv::signature_key};

const CertificateState* certificate(const CardState& state, emulator::piv::KeyReference reference) {
    const SlotState* const slot = state.slot(reference);
    return slot != nullptr && slot->certificate ? &*slot->certificate : nullptr;
}

bool renews(const std::string& task) {
    return task == "renew" || task == "update-card" || task == "assist";
}

// --- I3
// ------------------------------------------------------------------------------------------------------

/// Where a certificate of the pair comes from, so that two can be held against each other.
std::string origin(const ClientEvidence& evidence, const CardState& start, const CardState& now,
                   emulator::piv::KeyReference reference) {
    const CertificateState* const is = certificate(now, reference);
    const CertificateState* const was = certificate(start, reference);
    if (is == nullptr) {
        return "none is there";
    }
    if (was != nullptr && was->der == is->der) {
        return "the card began with it";
    }
    const auto record = std::ranges::find(evidence.issued, is->der, &IssueRecord::certificate);
    return record == evidence.issued.end() || record->renewal.empty() ? "new, of no renewal that is on record"
                                                                      : "renewal " + record->renewal;
}

bool pair_changed(const ClientEvidence& evidence, const CardState& after) {
    const auto before = evidence.look(evidence.before_run);
    return !before || std::ranges::any_of(pair_slots, [&](emulator::piv::KeyReference reference) {
        const CertificateState* const was = certificate(*before, reference);
        const CertificateState* const is = certificate(after, reference);
        return (was == nullptr) != (is == nullptr) || (was != nullptr && was->der != is->der);
    });
}

bool ended_well(const ClientEvidence& evidence) {
    return evidence.outcome.exit_status == 0;
}

// --- I8
// ------------------------------------------------------------------------------------------------------

/// What a client prints, by the contract, when a task is done; where another of its words tells that as well,
/// none.
std::optional<std::string> meaning_of_done(const std::string& task) {
    if (renews(task)) {
        return "success";
    }
    if (task == "unlock") {
        return "unlocked";
    }
    return task == "change-passcode" ? std::optional<std::string>("passcode-changed") : std::nullopt;
}

/// How it says that its task is done; none: it does not.
std::optional<std::string> claim(const ClientEvidence& evidence) {
    if (ended_well(evidence)) {
        return "its exit status says that all is done";
    }
    const auto meaning = meaning_of_done(evidence.run.client.task);
    const auto words = meaning ? evidence.words.find(*meaning) : evidence.words.end();
    if (words == evidence.words.end() ||
        !matches_some_line(evidence.outcome.output, compile_pattern(words->second))) {
        return std::nullopt;
    }
    return fmt::format("it says '{}'", *meaning);
}

std::optional<std::string> why_not_renewed(const ClientEvidence& evidence, const CardState& start,
                                           const CardState& after, emulator::piv::KeyReference reference) {
    const SlotState* const slot = after.slot(reference);
    const CertificateState* const was = certificate(start, reference);
    if (slot != nullptr && slot->certificate_damage) {
        return *slot->certificate_damage;
    }
    if (slot == nullptr || !slot->certificate) {
        return was == nullptr ? std::nullopt : std::optional<std::string>("there is no certificate");
    }
    const CertificateState& is = *slot->certificate;
    if (evidence.now < is.not_before) {
        return "its certificate is not in date yet";
    }
    if (is.not_after < evidence.now) {
        return "its certificate is out of date";
    }
    if (is.not_after - evidence.window <= evidence.now) {
        return "its certificate is due for renewal";
    }
    if (!is.matches_key) {
        return "its key does not fit its certificate";
    }
    const bool from_start = was != nullptr && was->der == is.der;
    if (!from_start && !issued_by(is.der, evidence.issuer)) {
        return "its certificate is none that this scenario's authority has signed";
    }
    if (was != nullptr && was->subject != is.subject) {
        return fmt::format("its certificate is in the name of {}, and the card is {}'s", is.subject,
                           was->subject);
    }
    return std::nullopt;
}

std::optional<std::string> cannot_log_in(const ClientEvidence& evidence, const CardState& after) {
    const bool any = std::ranges::any_of(pair_slots, [&](emulator::piv::KeyReference reference) {
        const CertificateState* const is = certificate(after, reference);
        return is != nullptr && is->matches_key && is->not_before <= evidence.now &&
               evidence.now <= is->not_after;
    });
    return any ? std::nullopt
               : std::optional<std::string>("no certificate of the pair is in date and works with its key");
}

std::optional<std::string> not_as_claimed(const ClientEvidence& evidence) {
    const std::string& task = evidence.run.client.task;
    // As a second client would find the card, with nothing in its memory but what was written.
    if (auto trouble = bricked(evidence.after_run)) {
        return trouble;
    }
    const auto after = evidence.look(evidence.after_run);
    if (!after) {
        return "the card cannot be read: " + after.error().message;
    }
    if (renews(task)) {
        return pair_not_renewed(evidence);
    }
    if (task == "login") {
        return cannot_log_in(evidence, *after);
    }
    if (task == "unlock" && after->passcode.left < after->passcode.limit) {
        return fmt::format("{} of {} passcode tries are left", after->passcode.left, after->passcode.limit);
    }
    if (task == "change-passcode") {
        const auto before = evidence.look(evidence.before_run);
        if (before && before->passcode_digest == after->passcode_digest) {
            return "the passcode is what it was before";
        }
    }
    return std::nullopt;
}

// --- I11
// -----------------------------------------------------------------------------------------------------

/// What the person has typed that no try has been spent on yet.
class Entries {
public:
    explicit Entries(const ScenarioRun& run) : run_(run) {
        unspent_ = static_cast<std::size_t>(std::ranges::count_if(run.answers, could_be_passcode));
        typed_since_one_left_ = unspent_ > 0;
    }

    void typed(const TraceEvent& event) {
        if (!may_be_passcode(event)) {
            return;
        }
        ++unspent_;
        typed_since_one_left_ = true;
        fresh_ = true;
    }

    /// One that was right is used up, however often it is shown then.
    void accepted() {
        if (fresh_ && unspent_ > 0) {
            --unspent_;
        }
        fresh_ = false;
    }

    std::optional<std::string> failed(const TraceEvent& event, std::uint32_t left) {
        if (unspent_ == 0) {
            return "a try failed for which the person had typed nothing: " + event_text(event);
        }
        --unspent_;
        if (left == 0 && !typed_since_one_left_) {
            return "the last try was spent, and the person had typed nothing since one was left: " +
                   event_text(event);
        }
        if (left == 1 && run_.person) {
            typed_since_one_left_ = false;
        }
        return std::nullopt;
    }

private:
    /// The trace does not tell what was typed; the act does that was due.
    [[nodiscard]] bool may_be_passcode(const TraceEvent& event) const {
        const auto types = event.fields.find("types");
        if (types == event.fields.end() || types->is_null() || *types == false || *types == 0) {
            return false;
        }
        const std::string when = event.fields.value("when", "");
        const auto acts =
            run_.person ? std::span<const PersonAct>(run_.person->acts) : std::span<const PersonAct>();
        const auto meant = [&when](const PersonAct& act) { return act.when == when && act.types; };
        return std::ranges::none_of(acts, meant) || std::ranges::any_of(acts, [&](const PersonAct& act) {
                   return meant(act) && could_be_passcode(*act.types);
               });
    }

    const ScenarioRun& run_;
    std::size_t unspent_ = 0;
    bool fresh_ = true; ///< something was typed since one was accepted, or nothing was accepted yet
    bool typed_since_one_left_ = false;
};

/// Of the holder's own code, and not of the unblocking code that somebody else gave out.
bool compares_passcode(const std::string& command, const std::string& object) {
    return (command == "verify" || command == "change-reference-data") &&
           (object == "passcode" || object == "global-passcode");
}

} // namespace

Promise pair_incoherent(const ClientEvidence& evidence) {
    Promise promise{"I3", std::nullopt};
    const auto start = evidence.look(evidence.start);
    const auto after = evidence.look(evidence.after_run);
    const bool pair = start && std::ranges::all_of(pair_slots, [&](emulator::piv::KeyReference reference) {
                          return certificate(*start, reference) != nullptr;
                      });
    if (!pair || !after) {
        return promise; // no pair to begin with; a card that cannot be read breaks I1
    }
    const std::string first = origin(evidence, *start, *after, pair_slots[0]);
    const std::string second = origin(evidence, *start, *after, pair_slots[1]);
    if (first != second) {
        promise.broken =
            fmt::format("the two certificates are not of one renewal: 9A: {}; 9C: {}", first, second);
        const std::string& task = evidence.run.client.task;
        const bool about_it = task.empty() || renews(task) || pair_changed(evidence, *after);
        promise.excused = !ended_well(evidence) || !about_it;
    }
    return promise;
}

std::optional<std::string> pair_not_renewed(const ClientEvidence& evidence) {
    const auto start = evidence.look(evidence.start);
    const auto after = evidence.look(evidence.after_run);
    if (!start || !after) {
        return "the card cannot be read: " + (start ? after.error().message : start.error().message);
    }
    for (const emulator::piv::KeyReference reference : pair_slots) {
        if (const auto why = why_not_renewed(evidence, *start, *after, reference)) {
            return fmt::format("{:02X}: {}", reference, *why);
        }
    }
    return std::nullopt;
}

std::optional<std::string> untruthful(const ClientEvidence& evidence) {
    // Of a command line that stands in a scenario nobody knows what its success would mean.
    if (evidence.run.client.task.empty()) {
        return std::nullopt;
    }
    const auto claimed = claim(evidence);
    const auto why = claimed ? not_as_claimed(evidence) : std::nullopt;
    return why ? std::optional(fmt::format("{}, and that is not so: {}", *claimed, *why)) : std::nullopt;
}

Promise not_live(const ClientEvidence& evidence) {
    const TraceExpectation& bounds = evidence.run.expect.trace;
    const RunOutcome& outcome = evidence.outcome;
    const auto apdus =
        static_cast<std::uint64_t>(std::ranges::count(evidence.events, "apdu", &TraceEvent::kind));
    Promise promise{"I10", std::nullopt};
    if (outcome.flooded || apdus > flood_limit(evidence.run.expect)) {
        promise.headline = "the client floods the card";
        promise.broken = fmt::format("{} APDUs; a client may send {}, and is ended then", apdus,
                                     flood_limit(evidence.run.expect));
    } else if (outcome.timed_out) {
        promise.headline = "the client hangs";
        promise.broken = outcome.ending;
    } else if (bounds.apdus && apdus > *bounds.apdus) {
        promise.headline = "the client sends too many APDUs";
        promise.broken = fmt::format("{} APDUs, and at most {} may be sent", apdus, *bounds.apdus);
    } else if (bounds.time && outcome.took > *bounds.time) {
        promise.headline = "the client takes too long";
        promise.broken =
            fmt::format("{} ms, and it may take {} ms", outcome.took.count(), bounds.time->count());
    }
    return promise;
}

std::optional<std::string> uneconomical(const ClientEvidence& evidence) {
    // A command line may have been given a passcode by whoever wrote it: with nobody there who types, nobody
    // knows.
    if (evidence.run.client.use.empty() && !evidence.run.person && evidence.run.answers.empty()) {
        return std::nullopt;
    }
    Entries entries(evidence.run);
    for (const TraceEvent& event : evidence.events) {
        if (event.kind == "person") {
            entries.typed(event);
            continue;
        }
        const auto command = traced_command(event);
        if (!command || !compares_passcode(command->name, command->object)) {
            continue;
        }
        if (command->card_status == "9000") {
            entries.accepted();
        }
        const auto failed = failed_try(event);
        if (failed && failed->left) {
            if (auto trouble = entries.failed(event, *failed->left)) {
                return trouble;
            }
        }
    }
    return std::nullopt;
}

std::vector<Promise> check_client(const ClientEvidence& evidence) {
    return {pair_incoherent(evidence),
            {"I8", untruthful(evidence)},
            not_live(evidence),
            {"I11", uneconomical(evidence)}};
}

} // namespace cardrig::harness
