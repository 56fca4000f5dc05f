// Listens to one run: what its cards' memories are asked to do, and what the authority is like after each
// request.
#pragma once

#include "harness/scenario_stage.h"
#include "harness/sweep/recording.h"

#include <cstddef>
#include <mutex>
#include <string>
#include <vector>

namespace cardrig::harness {

class RunRecorder final {
public:
    /// Listens to the stage, which outlives it, until it is destroyed. While no client runs.
    explicit RunRecorder(ScenarioStage& stage);
    RunRecorder(const RunRecorder&) = delete;
    RunRecorder& operator=(const RunRecorder&) = delete;
    ~RunRecorder();

    /// What was heard; `events` are the run's, as the trace numbers them.
    [[nodiscard]] std::vector<MemoryStep> steps(const std::vector<TraceEvent>& events) const;
    [[nodiscard]] std::vector<AuthorityState> authority() const;

private:
    struct Heard {
        MemoryStep step;
        std::size_t events = 0; ///< that were in the trace
        bool in_command = false;
    };
    void hear(std::size_t card, const MemoryAccess& access);

    ScenarioStage& stage_;
    mutable std::mutex mutex_;
    std::vector<Heard> heard_;
    std::vector<AuthorityState> authority_;
};

} // namespace cardrig::harness
