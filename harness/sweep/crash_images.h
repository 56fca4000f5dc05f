// What a card's memory is after a cut at one of the recorded writes, and further cuts in the recoveries from
// it.
#pragma once

#include "harness/sweep/card_maker.h"
#include "harness/sweep/recording.h"
#include "harness/sweep/sweep_place.h"

#include <vector>

namespace cardrig::harness {

/// The state that the world is in after a cut: what a recovery starts from.
struct CrashState {
    std::vector<emulator::CardImage> cards; ///< by place in the scenario
    std::size_t requests = 0; ///< of the authority's, that were over before: Recording::authority
    std::size_t event = 0;    ///< see MemoryStep::event
};

/// Builds one, for a place of the memory or the recovery phase. Throws RequestError where the recording has
/// no such write, or a recovery fewer.
[[nodiscard]] CrashState crash_state(const Recording& recording, const SweepPlace& place,
                                     const CardMaker& maker = {});

} // namespace cardrig::harness
