#include "harness/trace_file.h"

#include "apdu/printable.h"
#include "harness/errors.h"
#include "harness/files.h"
#include "harness/rig/unique_fd.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

/// Our own events are less deep by far; copying and writing very deep ones would exhaust the stack.
constexpr int deepest = 32;
/// What cards do, and not what is done to them.
constexpr std::array<std::string_view, 4> kinds_of_cards{"apdu", "fault", "memory-write", "power"};

[[noreturn]] void refuse(const std::string& path, const char* doing) {
    throw RequestError(fmt::format("{}: cannot {} the trace: {}", path, doing, std::strerror(errno)));
}

/// A field as text: strings without their quotes, everything else as JSON; empty where it is not there.
std::string field(const TraceEvent& event, const char* name) {
    const auto found = event.fields.find(name);
    if (found == event.fields.end() || found->is_null()) {
        return {};
    }
    return found->is_string() ? found->get<std::string>() : found->dump();
}

std::string shortened(const std::string& hex, std::size_t most_bytes) {
    const std::size_t bytes = hex.size() / 2;
    return bytes <= most_bytes ? hex : fmt::format("{}... ({} bytes)", hex.substr(0, most_bytes * 2), bytes);
}

std::string readable_apdu(const TraceEvent& event, std::size_t most_bytes) {
    std::string text = field(event, "text");
    if (const std::string detail = field(event, "detail"); !detail.empty()) {
        text += fmt::format(" ({})", detail);
    }
    text += "  > " + shortened(field(event, "command"), most_bytes);
    const std::string response = field(event, "response");
    text += response.empty() ? "  < no answer" : "  < " + shortened(response, most_bytes);
    if (const std::string status = field(event, "status"); !status.empty()) {
        text += fmt::format("  {} {}", status, field(event, "meaning"));
    }
    const std::string card = field(event, "card-status");
    if (field(event, "delivered") == "false") {
        text += "  [not delivered]";
    } else if (!card.empty() && card != field(event, "status")) {
        text += fmt::format("  [the card answered {}]", card);
    }
    return text;
}

std::string readable_request(const TraceEvent& event) {
    std::string text = "authority " + field(event, "request");
    if (const std::string object = field(event, "object"); !object.empty()) {
        text += " " + object;
    }
    const std::string status = field(event, "status");
    text += status.empty() ? "  < no answer" : "  < " + status;
    for (const char* const key : {"code", "renewal", "card"}) {
        if (const std::string value = field(event, key); !value.empty()) {
            text += fmt::format(", {} {}", key, value);
        }
    }
    return text;
}

std::string readable_rest(const TraceEvent& event) {
    std::string text;
    for (const auto& [key, value] : event.fields.items()) {
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", key,
                            value.is_string() ? value.get<std::string>() : value.dump());
    }
    return text;
}

std::string meaning_beside_card(const TraceEvent& event, std::size_t most_bytes) {
    if (event.kind == "apdu") {
        return readable_apdu(event, most_bytes);
    }
    if (event.kind == "memory-write") {
        return fmt::format("#{}: {} bytes at {}", field(event, "write"), field(event, "length"),
                           field(event, "offset"));
    }
    if (event.kind == "power") {
        const std::string mute = field(event, "mute");
        return field(event, "event") + (mute.empty() ? "" : fmt::format(", the card stays mute: {}", mute));
    }
    if (event.kind == "reader") {
        return field(event, "event");
    }
    if (event.kind == "fault") {
        return fmt::format("{} at {}", field(event, "effect"), field(event, "place"));
    }
    if (event.kind == "client") {
        return field(event, "line");
    }
    if (event.kind == "authority") {
        return readable_request(event);
    }
    return readable_rest(event);
}

/// With the card that is meant, where the event names one.
std::string meaning(const TraceEvent& event, std::size_t most_bytes) {
    std::string text = meaning_beside_card(event, most_bytes);
    const std::string card = field(event, "card");
    if (!card.empty() && event.kind == "reader") {
        text += fmt::format(", card {}", card);
    } else if (!card.empty() && std::ranges::find(kinds_of_cards, event.kind) != kinds_of_cards.end()) {
        text.insert(0, fmt::format("card {}: ", card));
    }
    return text;
}

/// In words of ours: the JSON library's are for programmers.
void check_event(const nlohmann::json& json) {
    if (!json.is_object()) {
        throw RequestError("not a trace event: no JSON object");
    }
    for (const char* key : {"n", "t", "kind"}) {
        if (!json.contains(key)) {
            throw RequestError(fmt::format("not a trace event: it has no '{}'", key));
        }
    }
    if (!json["t"].is_number()) {
        throw RequestError("not a trace event: 't' is no number");
    }
    if (!json["kind"].is_string()) {
        throw RequestError("not a trace event: 'kind' is no text");
    }
}

/// Or as much of it as a trace's line can have.
std::string first_line(const std::string& path) {
    constexpr std::size_t longest_line = 1UL << 20U;
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file) {
        refuse(path, "look at the file in the place of");
    }
    std::string text;
    std::array<char, 4096> block{};
    ssize_t count = 0;
    while (text.size() < longest_line && text.find('\n') == std::string::npos &&
           (count = ::read(file.get(), block.data(), block.size())) > 0) {
        text.append(block.data(), static_cast<std::size_t>(count));
    }
    return text.substr(0, text.find('\n'));
}

} // namespace

void check_trace_place(const std::string& path, const std::vector<std::string>& others) {
    for (const std::string& other : others) {
        if (same_file(path, other)) {
            throw RequestError(fmt::format(
                "--trace {}: the trace would be written over {}: give it a file of its own", path, other));
        }
    }
    struct stat there {};
    if (::stat(path.c_str(), &there) != 0 || !S_ISREG(there.st_mode) || there.st_size == 0) {
        return;
    }
    bool trace = false;
    try {
        trace = !parse_trace(first_line(path), path).empty();
    } catch (const RequestError&) { // it is none
    }
    if (!trace) {
        throw RequestError(fmt::format(
            "--trace {}: this file is no trace, and would be overwritten; remove it first", path));
    }
}

TraceFile::TraceFile(std::string path) : path_(std::move(path)) {
    // Nobody waits for a pipe's reader who may never come.
    descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, 0600);
    if (descriptor_ < 0 && errno == ENXIO) {
        throw RequestError(fmt::format("{}: cannot write the trace: nobody reads from there", path_));
    }
    if (descriptor_ < 0) {
        refuse(path_, "write");
    }
    ::fcntl(descriptor_, F_SETFL, ::fcntl(descriptor_, F_GETFL) & ~O_NONBLOCK);
    // A file that was there before keeps its mode otherwise.
    struct stat kind {};
    if (::fstat(descriptor_, &kind) == 0 && S_ISREG(kind.st_mode) && ::fchmod(descriptor_, 0600) != 0) {
        const int error = errno;
        ::close(descriptor_);
        errno = error;
        refuse(path_, "protect");
    }
}

TraceFile::~TraceFile() {
    ::close(descriptor_);
}

void TraceFile::write(const TraceEvent& event) {
    const std::string line = trace_line(event) + "\n";
    if (!write_all(descriptor_, {reinterpret_cast<const std::uint8_t*>(line.data()), line.size()})) {
        refuse(path_, "write");
    }
}

std::string trace_line(const TraceEvent& event) {
    return event.to_json().dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::vector<TraceEvent> parse_trace(std::string_view text, const std::string& file) {
    std::vector<TraceEvent> events;
    std::size_t number = 0;
    while (!text.empty()) {
        ++number;
        const std::size_t end = text.find('\n');
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (line.find_first_not_of(" \t\r") == std::string_view::npos) {
            continue;
        }
        bool too_deep = false;
        const auto bounded = [&](int depth, nlohmann::json::parse_event_t, const nlohmann::json&) {
            too_deep = too_deep || depth > deepest;
            return !too_deep;
        };
        const auto json = nlohmann::json::parse(line, bounded, false);
        if (too_deep) {
            throw RequestError(fmt::format("{}:{}: nested more than {} deep", file, number, deepest));
        }
        if (json.is_discarded()) {
            throw RequestError(
                fmt::format("{}:{}: not a line of JSON{}", file, number,
                            end == std::string_view::npos ? " (the file ends within it)" : ""));
        }
        try {
            check_event(json);
            events.push_back(TraceEvent::from_json(json));
        } catch (const RequestError& error) {
            throw RequestError(fmt::format("{}:{}: {}", file, number, error.what()));
        }
    }
    return events;
}

std::vector<TraceEvent> read_trace(const std::string& path) {
    const apdu::Bytes bytes = read_file(path);
    return parse_trace({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
}

std::string readable(const TraceEvent& event, std::size_t most_bytes) {
    const std::string reader = event.reader >= 0 ? fmt::format("{}", event.reader) : "-";
    return fmt::format("{:>5}  {:>9.4f}  {}  {:<12}  {}", event.number, event.seconds, reader,
                       apdu::printable(event.kind), apdu::printable(meaning(event, most_bytes)));
}

} // namespace cardrig::harness
