// What a worker of a sweep does, in a process of its own: records, looks at memory, tries places.
//
// SweepStage does it (make_sweep_work); the tests of the processes put somebody in its place who crashes,
// hangs or sees another run.
#pragma once

#include "harness/scenario.h"
#include "harness/sweep/memory_phase.h"
#include "harness/sweep/sweep_outcome.h"
#include "harness/sweep/sweep_plan.h"
#include "harness/sweep/sweep_report.h"
#include "harness/sweep/sweep_selection.h"
#include "harness/sweep/sweep_stage.h"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cardrig::harness {

/// What the undisturbed run says of the sweep.
struct SweepRecord {
    std::string digest;     ///< Recording::digest()
    std::string protection; ///< of the first card
    RecordedRun run;
    std::vector<PlannedPlace> memory; ///< first cuts that were asked for, in order, also for recovery alone
    std::vector<PlannedPlace> live;

    [[nodiscard]] nlohmann::json to_json() const;
    /// Throws RequestError with the offending key.
    [[nodiscard]] static SweepRecord from_json(const nlohmann::json& json);
};

class SweepWork {
public:
    virtual ~SweepWork() = default;

    /// The undisturbed run, so many times; the last is what the rest is about. Throws RequestError where it
    /// fails.
    [[nodiscard]] virtual SweepRecord record(unsigned times) = 0;
    /// `on_place` is called with each place of a first cut.
    [[nodiscard]] virtual MemoryPhaseResult
    memory(const std::function<void(const PlaceOutcome&)>& on_place) = 0;
    /// A place of any phase. `keep`: a folder for all that there is to see, which is made.
    [[nodiscard]] virtual PlaceOutcome try_place(const SweepPlace& place,
                                                 const std::optional<PlaceKeep>& keep) = 0;
    /// Things worth telling the user, so far.
    [[nodiscard]] virtual std::vector<std::string> notices() const = 0;
};

/// Called in the worker's process, while it has one thread. `signals` is that process's own.
using MakeSweepWork = std::function<std::unique_ptr<SweepWork>(const SignalWatch& signals)>;

struct SweepWorkOptions {
    StageOptions stage; ///< without `signals`
    SweepSelection selection;
    /// The memory phase ends there, whatever is left.
    std::optional<std::chrono::steady_clock::time_point> until;
};

/// On the rig. `scenario` outlives what is made.
[[nodiscard]] MakeSweepWork make_sweep_work(const Scenario& scenario, const SweepWorkOptions& options);

} // namespace cardrig::harness
