// The promises that are checked after a run: numbered, on copies of the card's image, so that no try is spent
// and nothing moves.
//
// Here those of a card: I1 not bricked; I2 continuity; I4 no certificate without its private key; I6
// passcode; I7 right card. invariants_client.h has those of a run and its client. scenarios/README.md says
// what each means.
#pragma once

#include "emulator/card.h"
#include "emulator/card_image.h"
#include "emulator/inspection.h"
#include "harness/authority/authority.h"
#include "harness/trace.h"

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace cardrig::harness {

/// What is judged, and against what.
struct Evidence {
    const emulator::CardImage& start;      ///< the card when the scenario began
    const emulator::CardImage& before_run; ///< when this run began
    const emulator::CardImage& after_run;
    const std::vector<TraceEvent>& trace; ///< this run's events, of this card's reader alone
    std::vector<std::string> passcodes;   ///< all that may be the card's passcode now
    std::chrono::sys_seconds now;
    std::span<const IssueRecord> issued = {}; ///< what the authority has issued so far
    /// Whether this run may have made keys and written certificates on it.
    bool may_be_renewed = true;
    bool may_lose_tries = true; ///< whether this run may have shown it a wrong passcode
    /// What was found out of the card's keys before; none: nothing, so that each look takes its time.
    emulator::InspectionMemo* memo = nullptr;

    [[nodiscard]] emulator::Result<emulator::CardState> look(const emulator::CardImage& image) const {
        return memo == nullptr ? emulator::inspect(image) : emulator::inspect(image, *memo);
    }
};

/// What a run may have done to codes and counters, after what the card did in it.
struct Excused {
    bool passcode_tries = false; ///< may be full again
    bool unblocking_tries = false;
    bool global_tries = false;
    bool global_change = false; ///< the global passcode may be another
    bool factory_codes = false; ///< of the application; never the global passcode

    /// One more event of the run, of this card. A command whose answer was lost is judged by the card's own;
    /// one that the card was executing when it lost power has none, and may have got as far as its counters.
    void see(const TraceEvent& event);
    friend bool operator==(const Excused&, const Excused&) = default;
};

/// Evidence of states that were looked at already (emulator::inspect).
struct StateEvidence {
    const emulator::CardState* start; ///< none: that memory was no card's; likewise the next one
    const emulator::CardState* before_run;
    const emulator::CardState& after_run;
    const Excused& excused;
    const std::vector<std::string>& passcodes; ///< all that may be the card's passcode now
    std::chrono::sys_seconds now;
};

struct Promise {
    std::string id;                    ///< "I1"
    std::optional<std::string> broken; ///< how, in one sentence; none where it holds
    std::string headline = {};         ///< what reports call that it is broken; empty: its id alone
    /// It may be broken at this moment without a word of the scenario's: a window that a later run closes.
    bool excused = false;
};

/// Ids of all promises, in order: what a scenario can say something of.
[[nodiscard]] const std::vector<std::string>& invariant_ids();
/// Of them those that each card has; the others are of a run, and stand with the first card.
[[nodiscard]] const std::vector<std::string>& card_invariant_ids();

/// One entry for each of card_invariant_ids().
[[nodiscard]] std::vector<Promise> check_invariants(const Evidence& evidence);

/// Each by itself: how it is broken, or none.
[[nodiscard]] std::optional<std::string> bricked(const emulator::CardImage& image);
[[nodiscard]] std::optional<std::string> discontinued(const Evidence& evidence);
[[nodiscard]] std::optional<std::string> orphaned_certificate(const emulator::CardImage& image,
                                                              emulator::InspectionMemo* memo = nullptr);
[[nodiscard]] std::optional<std::string> passcode_broken(const Evidence& evidence);
[[nodiscard]] std::optional<std::string> misdirected(const Evidence& evidence);

/// The same of states.
[[nodiscard]] std::optional<std::string> discontinued(const StateEvidence& evidence);
[[nodiscard]] std::optional<std::string> orphaned_certificate(const emulator::CardState& state);
[[nodiscard]] std::optional<std::string> passcode_broken(const StateEvidence& evidence);
/// Of I1, what takes no power-on: which of ATR, SELECT and the reads that every terminal makes does not work
/// on a card that has power, now and after a reset.
[[nodiscard]] std::optional<std::string> unusable(emulator::Card& card, const emulator::CardConfig& config);

} // namespace cardrig::harness
