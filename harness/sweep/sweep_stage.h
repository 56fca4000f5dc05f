// The stage of a sweep: one rig, on which a scenario's first run is played again and again from the
// beginning, or from any state, in a process of its own.
#pragma once

#include "harness/authority/authority.h"
#include "harness/reader_kind.h"
#include "harness/scenario.h"
#include "harness/sweep/crash_images.h"
#include "harness/sweep/recording.h"
#include "harness/sweep/sweep_outcome.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace cardrig::harness {

class SignalWatch;

struct StageOptions {
    ReaderKind kind = ReaderKind::rig;
    std::uint64_t seed = 1;
    std::uint32_t reruns = 2;    ///< from 1; at most, until the job is to be done (I9)
    std::uint32_t slowdown = 10; ///< so many times the APDUs and the time of the undisturbed run may one take
                                 ///< (I10); 20 seconds in any case, as hosts are busy at times
    const SignalWatch* signals = nullptr;
};

/// Everything of one place, for a report: where to look.
struct PlaceKeep {
    std::string
        folder; ///< made; gets cut NAME.card for each card at the cut, end NAME.card, trace.jsonl, output.txt
};

class SweepStage {
public:
    /// Makes a Rig: once in a process, while it has one thread. The scenario's first run is what is swept,
    /// without its own faults; it outlives the stage. Throws HostError, RequestError, Interrupted.
    SweepStage(const Scenario& scenario, const StageOptions& options);
    SweepStage(const SweepStage&) = delete;
    SweepStage& operator=(const SweepStage&) = delete;
    ~SweepStage();

    /// The undisturbed run, from the beginning. The last one recorded is what places are aimed by. Throws
    /// RequestError, with the client's last words, where the run does not end with status 0.
    [[nodiscard]] Recording record();

    /// One place of the live phase: from the beginning to the cut, and on with the client's home as it is.
    /// What the scenario itself expects of the run is not judged. A client that crashes breaks I8: its exit
    /// status says nothing. Diverged: it never came to the place, or sent another command before it than in
    /// the recorded run, or one that was answered in another way; lengths may vary. Throws HostError where
    /// the rig is of no use any more: whatever it is asked for next would fail, too.
    [[nodiscard]] PlaceOutcome live(const SweepPlace& place, const std::optional<PlaceKeep>& keep = {});
    /// One of the recovery phase: the client starts on this state with an empty home.
    [[nodiscard]] PlaceOutcome recover(const SweepPlace& place, const CrashState& state,
                                       const std::optional<PlaceKeep>& keep = {});
    /// Things worth telling the user, so far: of the rig, of the clock, of what this kind of reader cannot
    /// do.
    [[nodiscard]] std::vector<std::string> notices() const;

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

} // namespace cardrig::harness
