#include "harness/sweep/sweep_shrink.h"

#include "harness/trace_file.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

constexpr std::array<std::string_view, 6> kinds_shown{"apdu", "authority", "fault",
                                                      "note", "power",     "reader"};
constexpr std::size_t before_shown = 6;
constexpr std::size_t after_shown = 6;
constexpr std::size_t bytes_shown = 16;

} // namespace

std::string group_folder(const FindingGroup& group, std::size_t index) {
    std::string name = fmt::format("{:02} {} {}", index + 1, group.invariant, group.client_phase);
    std::ranges::replace_if(
        name,
        [](char c) {
            const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
            return !letter && c != ' ' && c != '.';
        },
        '-');
    return name;
}

std::vector<std::string> trace_excerpt(const std::vector<TraceEvent>& events) {
    std::vector<const TraceEvent*> shown;
    for (const TraceEvent& event : events) {
        if (std::ranges::find(kinds_shown, event.kind) != kinds_shown.end()) {
            shown.push_back(&event);
        }
    }
    const auto fault = std::ranges::find(shown, "fault", &TraceEvent::kind);
    const bool cut = fault != shown.end();
    const auto at = cut ? static_cast<std::size_t>(fault - shown.begin()) : std::size_t{0};
    const std::size_t first = at - std::min(at, before_shown);
    const std::size_t end = std::min(shown.size(), at + after_shown + 1);
    std::vector<std::string> lines;
    for (std::size_t i = first; i < end; ++i) {
        lines.push_back(
            fmt::format("{} {}", cut && i == at ? ">>>" : "   ", readable(*shown[i], bytes_shown)));
    }
    return lines;
}

std::vector<std::string> trace_excerpt(const std::string& folder) {
    const std::string file = folder + "/trace.jsonl";
    return std::filesystem::exists(file) ? trace_excerpt(read_trace(file)) : std::vector<std::string>();
}

bool shows(const FindingGroup& group, const PlaceOutcome& outcome) {
    if (outcome.outcome == Outcome::failed || outcome.outcome == Outcome::diverged) {
        return false; // what was seen on the way proves nothing
    }
    return std::ranges::any_of(outcome.broken, [&](const BrokenPromise& promise) {
        return promise.invariant == group.invariant && promise.card == group.broken.card &&
               promise.mended == group.broken.mended;
    });
}

} // namespace cardrig::harness
