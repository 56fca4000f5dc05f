// The trace of a cut in memory, which no run has made: the recorded run as far as there, and the cut.
#pragma once

#include "harness/sweep/recording.h"
#include "harness/sweep/sweep_place.h"
#include "harness/trace.h"

#include <cstddef>
#include <vector>

namespace cardrig::harness {

/// `event`: of the command that was under way (MemoryStep::event). The last one is the cut, of the kind
/// "fault", with the cuts in its recovery, where there are any.
[[nodiscard]] std::vector<TraceEvent> trace_to_cut(const Recording& recording, const SweepPlace& place,
                                                   std::size_t event);

/// And what came afterwards, behind a note that says so: numbers and seconds go on.
[[nodiscard]] std::vector<TraceEvent> trace_over_cut(std::vector<TraceEvent> to_cut,
                                                     const std::vector<TraceEvent>& afterwards);

} // namespace cardrig::harness
