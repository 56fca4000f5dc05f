// Any bytes are lines of a trace or are refused by line; an event is written as it was read, and shown to
// people without control characters.
#include "harness/trace_file.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/refusal.h"

#include <algorithm>

namespace harness = cardrig::harness;

namespace {

void check(const harness::TraceEvent& event) {
    const std::string shown = harness::readable(event);
    fuzz::require(!shown.empty() &&
                      std::ranges::none_of(
                          shown, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }),
                  "an event is one line without control characters");
    fuzz::require(event.fields.is_object() && event.reader >= -1, "an event has its parts");
    const auto again = harness::TraceEvent::from_json(event.to_json());
    fuzz::require(again.to_json() == event.to_json(), "an event is read as it was written");
}

/// A single line that was taken says just what the event says.
void check_line(std::string_view line, const harness::TraceEvent& event) {
    auto read = nlohmann::json::parse(line);
    if (event.reader < 0) {
        read.erase("reader");
    }
    fuzz::require(read == event.to_json(), "an event is written as it was read");
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::text({data, size});
    fuzz::read_or_refuse("fuzz.trace:", [&] {
        const auto events = harness::parse_trace(text, "fuzz.trace");
        for (const harness::TraceEvent& event : events) {
            check(event);
        }
        if (events.size() == 1 && text.find('\n') >= text.size() - 1) {
            check_line(text, events.front());
        }
    });
    return 0;
}
