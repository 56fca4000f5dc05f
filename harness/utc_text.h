// Moments and spans of time as reports write them: always UTC, always the same form.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace cardrig::harness {

/// "2026-12-21 13:05:00 UTC"
[[nodiscard]] std::string utc_text(std::chrono::sys_seconds moment);
/// "2026-12-21T13:05:00Z" (RFC 3339)
[[nodiscard]] std::string utc_rfc3339(std::chrono::sys_seconds moment);
/// The same notation alone, in the years 2000 to 2199; none for anything else.
[[nodiscard]] std::optional<std::chrono::sys_seconds> parse_utc_rfc3339(std::string_view text);

/// Whole days from now until then, rounded down: 29 where 29 days and 23 hours are left, -1 as soon as it is
/// over.
[[nodiscard]] long days_left(std::chrono::sys_seconds until, std::chrono::sys_seconds now);

} // namespace cardrig::harness
