// The files that `cardrig run` leaves: JUnit XML, results, trace.
#pragma once

#include "harness/scenario_report.h"

#include <string>
#include <vector>

namespace cardrig::harness {

/// Paths; empty: not wanted.
struct ReportFiles {
    std::string junit;
    std::string json;
    std::string trace;
    std::string keep; ///< folder; scenarios' processes fill it
};

/// Tries each place before anything runs; makes the folder to keep things in. Throws RequestError with all
/// that cannot be written.
void probe_report_files(const ReportFiles& files);

/// Writes each, whatever becomes of the others. Throws RequestError with all that could not be written.
void write_report_files(const ReportFiles& files, const std::vector<ScenarioReport>& reports);

} // namespace cardrig::harness
