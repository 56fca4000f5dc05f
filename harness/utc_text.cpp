#include "harness/utc_text.h"

#include <string_view>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

std::string date_and_time(std::chrono::sys_seconds moment, std::string_view between, std::string_view zone) {
    const auto midnight = std::chrono::floor<std::chrono::days>(moment);
    const std::chrono::year_month_day date(midnight);
    const std::chrono::hh_mm_ss time(moment - midnight);
    return fmt::format("{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}{}", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), between,
                       time.hours().count(), time.minutes().count(), time.seconds().count(), zone);
}

} // namespace

std::string utc_text(std::chrono::sys_seconds moment) {
    return date_and_time(moment, " ", " UTC");
}

std::string utc_rfc3339(std::chrono::sys_seconds moment) {
    return date_and_time(moment, "T", "Z");
}

long days_left(std::chrono::sys_seconds until, std::chrono::sys_seconds now) {
    return static_cast<long>(std::chrono::floor<std::chrono::days>(until - now).count());
}

} // namespace cardrig::harness
