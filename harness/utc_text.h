// Moments and spans of time as reports write them: always UTC, always the same form.
#pragma once

#include <chrono>
#include <string>

namespace cardrig::harness {

/// "2026-12-21 13:05:00 UTC"
[[nodiscard]] std::string utc_text(std::chrono::sys_seconds moment);
/// "2026-12-21T13:05:00Z" (RFC 3339)
[[nodiscard]] std::string utc_rfc3339(std::chrono::sys_seconds moment);

/// Whole days from now until then, rounded down: 29 where 29 days and 23 hours are left, -1 as soon as it is
/// over.
[[nodiscard]] long days_left(std::chrono::sys_seconds until, std::chrono::sys_seconds now);

} // namespace cardrig::harness
