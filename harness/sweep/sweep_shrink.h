// What is kept of a finding when it is tried once more: its folder, and the part of its trace that a report
// shows.
#pragma once

#include "harness/sweep/sweep_report.h"
#include "harness/trace.h"

#include <cstddef>
#include <string>
#include <vector>

namespace cardrig::harness {

/// "03 I4 generating the key of 9A": a folder's name for the group at this place of the report, from 0.
[[nodiscard]] std::string group_folder(const FindingGroup& group, std::size_t index);

/// The last events before the place and the first after it, the place marked with `>>>`: commands, requests,
/// faults, power, what readers did, and notes.
[[nodiscard]] std::vector<std::string> trace_excerpt(const std::vector<TraceEvent>& events);
/// Of the trace that a try has left in its folder; nothing where it has left none.
[[nodiscard]] std::vector<std::string> trace_excerpt(const std::string& folder);

/// Whether a try broke the promise that the group is about, and it was whole again afterwards or was not, as
/// the group says.
[[nodiscard]] bool shows(const FindingGroup& group, const PlaceOutcome& outcome);

} // namespace cardrig::harness
