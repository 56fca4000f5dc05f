// One place of a sweep on its way: the runs of the client, what each broke, and what was whole again in the
// end.
#pragma once

#include "harness/scenario_stage.h"
#include "harness/sweep/crash_images.h"
#include "harness/sweep/recording.h"
#include "harness/sweep/sweep_outcome.h"
#include "harness/sweep/sweep_stage.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace cardrig::harness {

/// What all trials of a sweep share. All outlives them.
struct TrialGround {
    const Scenario& scenario;
    ScenarioStage& stage;
    const Recording& recording;
    const ScenarioRun& run; ///< the scenario's first, without its faults, and with the sweep's bounds (I10)
    emulator::InspectionMemo& memo;
    std::uint32_t reruns = 2;
};

/// Of a stage that was rewound for it.
class PlaceTrial final {
public:
    PlaceTrial(const TrialGround& ground, const SweepPlace& place);

    /// Run by run. Throws what ScenarioStage::play() throws.
    [[nodiscard]] PlaceOutcome live();
    [[nodiscard]] PlaceOutcome recover(const CrashState& state);
    /// Throws RequestError where something cannot be written.
    void keep(const PlaceKeep& keep) const;

private:
    /// Where the interrupted run came to the place: none where it did not.
    struct Arrival {
        std::size_t position = 0; ///< among commands and requests
        std::size_t event = 0;    ///< in the recording
    };

    [[nodiscard]] bool interrupt();
    [[nodiscard]] bool diverged(const FinishedRun& finished);
    [[nodiscard]] Arrival arrival(const FinishedRun& finished, std::size_t fault) const;
    void look_at_cut(const CrashState& state);
    [[nodiscard]] std::string phase_of(std::size_t card) const;
    void run_again(std::uint32_t earlier_runs);
    [[nodiscard]] RunFindings look(const FinishedRun& finished);
    void note(const FinishedRun& finished, const RunFindings& findings, std::uint32_t run);
    void note_crash(const FinishedRun& finished, std::uint32_t run);
    void note_convergence(const FinishedRun& finished, RunFindings findings, std::uint32_t run);
    void add(BrokenPromise broken);
    void conclude();

    const TrialGround& ground_;
    RunPromises promises_;
    PlaceOutcome outcome_;
    std::map<std::size_t, std::string> broken_before_; ///< I4, by card: when the scenario began
    std::optional<FinishedRun> last_;                  ///< the run that was looked at last
    RunFindings findings_;                             ///< after it
    std::vector<emulator::CardImage> cut_;
    std::optional<std::size_t> cut_at_; ///< recovery: MemoryStep::event
};

} // namespace cardrig::harness
