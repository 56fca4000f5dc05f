// Runs scenarios side by side, each in a process of its own: a process sees one PC/SC daemon for its whole
// life, and one that crashes or hangs takes nobody with it.
#pragma once

#include "harness/scenario.h"
#include "harness/scenario_report.h"
#include "harness/scenario_run.h"
#include "harness/signal_watch.h"

#include <chrono>
#include <functional>
#include <optional>
#include <vector>

namespace cardrig::harness {

struct PoolOptions {
    std::size_t jobs = 1;
    /// For one scenario; then its process is ended. None: what its clients may take, and time for the rest.
    std::optional<std::chrono::seconds> limit;
    const SignalWatch& signals;
};

struct PoolResult {
    std::vector<ScenarioReport> reports; ///< in the scenarios' order; fewer if interrupted
    int interrupted_by = 0;              ///< the signal, or 0
};

/// Call it while the process has one thread. `on_report` is called for each in the scenarios' order, as soon
/// as all before it are there.
[[nodiscard]] PoolResult run_pool(const std::vector<Scenario>& scenarios, const RunOptions& options,
                                  const PoolOptions& pool,
                                  const std::function<void(const ScenarioReport&)>& on_report);

} // namespace cardrig::harness
