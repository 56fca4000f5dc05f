#include "harness/utc_text.h"

#include <string_view>
#include <vector>

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

std::optional<std::chrono::sys_seconds> parse_utc_rfc3339(std::string_view text) {
    constexpr std::string_view form = "dddd-dd-ddTdd:dd:ddZ";
    if (text.size() != form.size()) {
        return std::nullopt;
    }
    std::vector<unsigned> fields{0};
    for (std::size_t at = 0; at < form.size(); ++at) {
        const bool digit = text[at] >= '0' && text[at] <= '9';
        if (form[at] == 'd' ? !digit : text[at] != form[at]) {
            return std::nullopt;
        }
        if (digit) {
            fields.back() = fields.back() * 10 + static_cast<unsigned>(text[at] - '0');
        } else {
            fields.push_back(0);
        }
    }
    const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(fields[0])),
                                           std::chrono::month(fields[1]), std::chrono::day(fields[2])};
    if (!date.ok() || fields[0] < 2000 || fields[0] > 2199 || fields[3] > 23 || fields[4] > 59 ||
        fields[5] > 59) {
        return std::nullopt;
    }
    return std::chrono::sys_days(date) + std::chrono::hours(fields[3]) + std::chrono::minutes(fields[4]) +
           std::chrono::seconds(fields[5]);
}

} // namespace cardrig::harness
