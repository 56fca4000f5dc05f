#include "harness/sweep/recording.h"

#include "apdu/bytes.h"
#include "emulator/crypto.h"
#include "harness/trace_compare.h"

#include <algorithm>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

constexpr std::size_t most_differences = 5;

std::vector<std::uint64_t> writes_by_card(const Recording& recording) {
    std::vector<std::uint64_t> writes(recording.card_names.size());
    for (const MemoryStep& step : recording.steps) {
        writes.at(step.card) += step.kind == MemoryStep::Kind::write ? 1 : 0;
    }
    return writes;
}

/// "certificate 9A, answered 200", in order.
std::vector<std::string> requests_of(const Recording& recording) {
    std::vector<std::string> requests;
    for (const TraceEvent& event : recording.events) {
        if (event.kind == "authority") {
            const std::string object = event.fields.value("object", "");
            requests.push_back(fmt::format("{}{}{}, answered {}", event.fields.value("request", ""),
                                           object.empty() ? "" : " ", object,
                                           event.fields.value("status", 0)));
        }
    }
    return requests;
}

std::string reader_text(int reader) {
    return reader < 0 ? std::string("in no reader") : fmt::format("in reader {}", reader + 1);
}

std::string event_text(const std::optional<NormalisedEvent>& event) {
    return event ? event->text() : std::string("nothing more");
}

std::string request_text(const std::vector<std::string>& requests, std::size_t index) {
    return index < requests.size() ? requests[index] : std::string("none");
}

} // namespace

std::uint64_t Recording::writes() const {
    return static_cast<std::uint64_t>(std::ranges::count(steps, MemoryStep::Kind::write, &MemoryStep::kind));
}

std::string Recording::digest() const {
    std::string text;
    for (const auto& [reader, happened] : normalised(events, "the recorded run")) {
        text += fmt::format("reader {}\n", reader);
        for (const NormalisedEvent& event : happened) {
            text += event.text() + "\n";
        }
    }
    for (const std::uint64_t count : writes_by_card(*this)) {
        text += fmt::format("writes {}\n", count);
    }
    for (const std::string& request : requests_of(*this)) {
        text += request + "\n";
    }
    return apdu::to_hex(emulator::sha256({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}));
}

std::vector<std::string> Recording::differences(const Recording& first, const Recording& second) {
    std::vector<std::string> found;
    const std::string file = "the recorded run";
    for (const TraceDifference& difference :
         compare(normalised(first.events, file), normalised(second.events, file))) {
        found.push_back(fmt::format("{}, event {}: {} the first time, {} the second",
                                    reader_text(difference.reader), difference.position,
                                    event_text(difference.first), event_text(difference.second)));
    }
    const std::vector<std::uint64_t> writes = writes_by_card(first);
    const std::vector<std::uint64_t> others = writes_by_card(second);
    for (std::size_t card = 0; card < std::min(writes.size(), others.size()); ++card) {
        if (writes[card] != others[card]) {
            found.push_back(fmt::format("card {}: {} memory writes the first time, {} the second",
                                        first.card_names[card], writes[card], others[card]));
        }
    }
    const std::vector<std::string> requests = requests_of(first);
    const std::vector<std::string> other_requests = requests_of(second);
    for (std::size_t i = 0; i < std::max(requests.size(), other_requests.size()); ++i) {
        if (request_text(requests, i) != request_text(other_requests, i)) {
            found.push_back(fmt::format("request {} to the authority: {} the first time, {} the second",
                                        i + 1, request_text(requests, i), request_text(other_requests, i)));
            break;
        }
    }
    found.resize(std::min(found.size(), most_differences));
    return found;
}

} // namespace cardrig::harness
