// JUnit XML, as continuous-integration services read it.
#pragma once

#include "harness/scenario_report.h"

#include <string>
#include <vector>

namespace cardrig::harness {

/// One suite, one case a scenario: a failure where something did not hold, an error where there is no
/// verdict, skipped where the client cannot do what the scenario is about. What XML cannot hold (control
/// characters, bytes that are no UTF-8) becomes "?".
[[nodiscard]] std::string junit_xml(const std::vector<ScenarioReport>& reports);

/// The text with "?" for whatever an XML 1.0 document must not hold.
[[nodiscard]] std::string xml_text(const std::string& text);

} // namespace cardrig::harness
