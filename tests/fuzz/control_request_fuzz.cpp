// Any bytes are a request to the hand or are refused with a reason; a request is read as it was written.
// Lines are found in them however they are cut into pieces.
#include "harness/hand/control_line.h"
#include "harness/hand/control_request.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/property.h"

#include <string>
#include <vector>

namespace harness = cardrig::harness;

namespace {

void check(std::string_view line) {
    const auto request = harness::ControlRequest::parse(line);
    if (!request) {
        fuzz::require(!request.error().message.empty(), "a refusal says why");
        return;
    }
    const std::string written = request->to_json().dump();
    const auto again = harness::ControlRequest::parse(written);
    fuzz::require(again.has_value(), "what is written can be read");
    fuzz::require(again->to_json().dump() == written, "and says the same");
    if (request->asked == harness::ControlRequest::Asked::act && request->at) {
        const harness::Fault fault{*request->at, request->effect};
        fuzz::require(fault.check().has_value(), "what is planned goes together");
    }
}

std::vector<std::string> lines_of(std::string_view text, std::size_t piece) {
    harness::ControlLines lines;
    std::vector<std::string> found;
    while (!text.empty()) {
        lines.append(text.substr(0, piece));
        text.remove_prefix(std::min(piece, text.size()));
        while (auto line = lines.next()) {
            found.push_back(std::move(*line));
        }
    }
    if (auto rest = lines.rest()) {
        found.push_back(std::move(*rest));
    }
    return found;
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::text({data, size});
    const auto lines = lines_of(text, size);
    fuzz::require(lines == lines_of(text, 1) && lines == lines_of(text, 7), "lines are what they are");
    for (const std::string& line : lines) {
        fuzz::require(line.find('\n') == std::string::npos, "a line is one");
        check(line);
    }
    return 0;
}
