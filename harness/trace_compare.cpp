#include "harness/trace_compare.h"

#include "apdu/command_apdu.h"
#include "harness/errors.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

using apdu::Bytes;

constexpr std::string_view redacted = "..";
constexpr std::size_t header_size = 4;
constexpr std::size_t status_size = 2;

std::string field(const TraceEvent& event, const char* name) {
    const auto found = event.fields.find(name);
    return found != event.fields.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Bytes bytes_of(std::string_view hex) {
    const auto bytes = apdu::from_hex(hex);
    if (!bytes) {
        throw RequestError(bytes.error().message);
    }
    return *bytes;
}

/// Of a command that was redacted, header and Lc are there.
std::optional<std::size_t> command_length(const TraceEvent& event) {
    const std::string text = field(event, "command");
    if (!text.ends_with(redacted)) {
        const auto command = apdu::CommandApdu::parse(bytes_of(text));
        return command ? std::optional(command->nc()) : std::nullopt;
    }
    const Bytes shown = bytes_of(std::string_view(text).substr(0, text.size() - redacted.size()));
    if (shown.size() == header_size + 1) {
        return shown[header_size];
    }
    if (shown.size() == header_size + 3) {
        return std::size_t{shown[header_size + 1]} << 8U | shown[header_size + 2];
    }
    return std::nullopt;
}

std::optional<std::size_t> answer_length(const TraceEvent& event) {
    const std::string text = field(event, "response");
    if (text.empty()) {
        return 0;
    }
    if (text.starts_with(redacted)) {
        return std::nullopt;
    }
    const std::size_t size = bytes_of(text).size();
    return size < status_size ? 0 : size - status_size;
}

std::string status_of(const TraceEvent& event) {
    const std::string seen = field(event, "status");
    std::string text = seen.empty() ? "no answer" : seen;
    const auto delivered = event.fields.find("delivered");
    if (delivered != event.fields.end() && *delivered == false) {
        return text + ", not delivered";
    }
    if (const std::string card = field(event, "card-status"); card != seen) {
        text += card.empty() ? ", the card lost power" : ", the card answered " + card;
    }
    return text;
}

NormalisedEvent normalised_apdu(const TraceEvent& event) {
    NormalisedEvent result;
    result.what = field(event, "text");
    if (const std::string detail = field(event, "detail"); !detail.empty()) {
        result.what += fmt::format(" ({})", detail);
    }
    result.command_length = command_length(event);
    result.answer_length = answer_length(event);
    result.status = status_of(event);
    return result;
}

/// None for what a normalised trace leaves aside.
std::optional<NormalisedEvent> normalised(const TraceEvent& event) {
    NormalisedEvent result;
    if (event.kind == "apdu") {
        result = normalised_apdu(event);
    } else if (event.kind == "fault") {
        result.what = fmt::format("fault {} at {}", field(event, "effect"), field(event, "place"));
    } else if (event.kind == "reader") {
        result.what = "card " + field(event, "event");
        if (const std::string card = field(event, "card"); !card.empty()) {
            result.what += fmt::format(" ({})", card);
        }
    } else if (event.kind == "power" && event.fields.contains("mute")) {
        result.what = fmt::format("the card stays mute: {}", field(event, "mute"));
    } else {
        return std::nullopt;
    }
    result.number = event.number;
    return result;
}

bool agree(const std::optional<std::size_t>& a, const std::optional<std::size_t>& b) {
    return !a || !b || *a == *b;
}

std::string bytes_text(const std::optional<std::size_t>& length) {
    if (!length || *length == 0) {
        return length ? "" : ", redacted";
    }
    return fmt::format(", {} {}", *length, *length == 1 ? "byte" : "bytes");
}

std::optional<TraceDifference> first_difference(int reader, const std::vector<NormalisedEvent>& first,
                                                const std::vector<NormalisedEvent>& second) {
    const std::size_t longest = std::max(first.size(), second.size());
    for (std::size_t i = 0; i < longest; ++i) {
        const bool both = i < first.size() && i < second.size();
        if (both && first[i].same_as(second[i])) {
            continue;
        }
        const auto at = [i](const std::vector<NormalisedEvent>& events) {
            return i < events.size() ? std::optional(events[i]) : std::nullopt;
        };
        return TraceDifference{reader, i + 1, at(first), at(second)};
    }
    return std::nullopt;
}

} // namespace

bool NormalisedEvent::same_as(const NormalisedEvent& other) const {
    return what == other.what && status == other.status && agree(command_length, other.command_length) &&
           agree(answer_length, other.answer_length);
}

std::string NormalisedEvent::text() const {
    if (status.empty()) {
        return what;
    }
    return fmt::format("{}{}: {}{}", what, bytes_text(command_length), status, bytes_text(answer_length));
}

NormalisedTrace normalised(const std::vector<TraceEvent>& trace, const std::string& file) {
    NormalisedTrace readers;
    for (const TraceEvent& event : trace) {
        try {
            if (auto one = normalised(event)) {
                readers[event.reader].push_back(std::move(*one));
            }
        } catch (const RequestError& error) {
            throw RequestError(fmt::format("{}: event {}: {}", file, event.number, error.what()));
        }
    }
    return readers;
}

std::vector<TraceDifference> compare(const NormalisedTrace& first, const NormalisedTrace& second) {
    static const std::vector<NormalisedEvent> none;
    const auto of = [](const NormalisedTrace& trace, int reader) -> const std::vector<NormalisedEvent>& {
        const auto found = trace.find(reader);
        return found == trace.end() ? none : found->second;
    };
    std::set<int> readers;
    for (const NormalisedTrace* const side : {&first, &second}) {
        for (const auto& [reader, events] : *side) {
            readers.insert(reader);
        }
    }
    std::vector<TraceDifference> differences;
    for (const int reader : readers) {
        if (auto found = first_difference(reader, of(first, reader), of(second, reader))) {
            differences.push_back(std::move(*found));
        }
    }
    return differences;
}

} // namespace cardrig::harness
