// The promises that are checked after a run: numbered, on copies of the card's image, so that no try is spent
// and nothing moves.
//
// I1 not bricked; I2 continuity; I4 no certificate without its private key; I6 passcode. scenarios/README.md
// says what each means.
#pragma once

#include "emulator/card_image.h"
#include "harness/trace.h"

#include <chrono>
#include <optional>
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
};

struct Promise {
    std::string id;                    ///< "I1"
    std::optional<std::string> broken; ///< how, in one sentence; none where it holds
};

/// Ids in the order in which they are checked.
[[nodiscard]] const std::vector<std::string>& invariant_ids();

/// One entry for each id.
[[nodiscard]] std::vector<Promise> check_invariants(const Evidence& evidence);

/// Each by itself: how it is broken, or none.
[[nodiscard]] std::optional<std::string> bricked(const emulator::CardImage& image);
[[nodiscard]] std::optional<std::string> discontinued(const Evidence& evidence);
[[nodiscard]] std::optional<std::string> orphaned_certificate(const emulator::CardImage& image);
[[nodiscard]] std::optional<std::string> passcode_broken(const Evidence& evidence);

} // namespace cardrig::harness
