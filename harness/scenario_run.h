// Runs one scenario, from a new card to a verdict.
#pragma once

#include "harness/reader_kind.h"
#include "harness/scenario.h"
#include "harness/scenario_report.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cardrig::harness {

class SignalWatch;

struct RunOptions {
    ReaderKind kind = ReaderKind::rig;
    std::optional<std::uint64_t> seed;
    std::string keep; ///< folder for images, trace, output and report; empty: nothing is kept
    std::vector<std::string> reproduce;   ///< words of the command line that runs it again, without the file
    const SignalWatch* signals = nullptr; ///< one of its signals ends the scenario
};

/// The command line that runs it again, for a shell.
[[nodiscard]] std::string reproduction(const Scenario& scenario, const RunOptions& options);

/// Makes a Rig: once in a process, while it has one thread. Never throws for what a client or a card does;
/// throws HostError and RequestError as those that it uses do, and Interrupted while the rig is made. A
/// signal later ends the scenario: the report then says timed_out, and holds what was seen until then.
[[nodiscard]] ScenarioReport run_scenario(const Scenario& scenario, const RunOptions& options);

} // namespace cardrig::harness
