// The memory phase: every crash image of a recorded run, and of the recoveries from them, without the client.
//
// README.md in this folder tells how images are made, merged and judged.
#pragma once

#include "harness/sweep/card_maker.h"
#include "harness/sweep/recording.h"
#include "harness/sweep/sweep_outcome.h"
#include "harness/sweep/sweep_selection.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace cardrig::harness {

struct MemoryPhaseOptions {
    SweepSelection selection; ///< which writes and models of the first cut; recoveries are cut in every way
    bool merge = true; ///< images and states by what they hold; false, for measuring: not from place to place
    bool memo = true;  ///< a key is tried with a certificate once; false, for measuring: in each state anew
    CardMaker maker;
    /// Looked at between two images; true: it ends there, and `complete` is false.
    std::function<bool()> enough;
    /// Of each place of a first cut, as it is done.
    std::function<void(const PlaceOutcome&)> on_place;
};

/// A state that differs from every other, by what its cards hold and how far the authority was. What a later
/// power-on alone finds is none: no place leads to it.
struct DistinctState {
    std::string id;
    SweepPlace first; ///< the earliest write, and there the simplest model, that leave it; a `recovery` place
    std::uint32_t position = 0;
    std::string client_phase;
    std::string card_state;
    std::vector<BrokenPromise> broken; ///< I2, I4: what a recovery has to mend
};

struct MemoryPhaseResult {
    /// One for each write and model of a first cut, in order (`failed`, with a message, where the card's
    /// recoveries do not come to an end and nothing worse is known of it); then those of cuts in recoveries
    /// that broke something which their first cut had not.
    std::vector<PlaceOutcome> places;
    std::vector<DistinctState> states;
    std::uint64_t images = 0;        ///< made: first cuts, and cuts in recoveries
    std::uint64_t recovery_cuts = 0; ///< of them the latter
    std::uint64_t merged = 0;        ///< of them those that were like one looked at before
    std::uint32_t depth = 0;         ///< most cuts in a row after which something new came
    double seconds = 0;
    bool complete = true; ///< false: MemoryPhaseOptions::enough ended it, and places are missing
};

/// Checks I1, I2, I4, I5 and I6 on each image.
[[nodiscard]] MemoryPhaseResult run_memory_phase(const Recording& recording,
                                                 const MemoryPhaseOptions& options);

/// The same of one image alone, whether the phase would list it or not. Throws RequestError where the
/// recording has no such write, or a recovery fewer.
[[nodiscard]] PlaceOutcome look_at_image(const Recording& recording, const SweepPlace& place,
                                         const CardMaker& maker = {});

} // namespace cardrig::harness
