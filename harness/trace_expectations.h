// Holds what happened in a run against what its scenario says of the trace.
#pragma once

#include "harness/scenario.h"
#include "harness/scenario_report.h"
#include "harness/trace.h"

#include <string>
#include <vector>

namespace cardrig::harness {

/// What of TraceExpectation is told by the events of one run: holds, never, before, failed tries. The bounds
/// on APDUs and time are the promise of liveness (invariants_client.h). `first_card`: its name.
[[nodiscard]] std::vector<Shortfall> check_trace(const TraceExpectation& expect,
                                                 const std::vector<TraceEvent>& events,
                                                 const std::string& first_card);

} // namespace cardrig::harness
