#include "harness/sweep/cut_trace.h"

#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

/// The next one, at the same moment.
TraceEvent next(const std::vector<TraceEvent>& events, std::string kind, nlohmann::json fields) {
    TraceEvent event;
    event.number = events.empty() ? 1 : events.back().number + 1;
    event.seconds = events.empty() ? 0 : events.back().seconds;
    event.kind = std::move(kind);
    event.fields = std::move(fields);
    return event;
}

} // namespace

std::vector<TraceEvent> trace_to_cut(const Recording& recording, const SweepPlace& place, std::size_t event) {
    const std::size_t end = std::min(event + 1, recording.events.size());
    std::vector<TraceEvent> events(recording.events.begin(),
                                   recording.events.begin() + static_cast<std::ptrdiff_t>(end));
    std::string effect = place.effect.text();
    for (const RecoveryCut& cut : place.further) {
        effect += fmt::format("; recovery {}: {}", cut.write, cut.tearing.text());
    }
    events.push_back(next(events, "fault", {{"place", place.place.text()}, {"effect", std::move(effect)}}));
    return events;
}

std::vector<TraceEvent> trace_over_cut(std::vector<TraceEvent> to_cut,
                                       const std::vector<TraceEvent>& afterwards) {
    to_cut.push_back(
        next(to_cut, "note", {{"text", "the client is run on what that left, with an empty home"}}));
    const std::uint64_t number = to_cut.back().number;
    const double seconds = to_cut.back().seconds;
    for (TraceEvent event : afterwards) {
        event.number += number;
        event.seconds += seconds;
        to_cut.push_back(std::move(event));
    }
    return to_cut;
}

} // namespace cardrig::harness
