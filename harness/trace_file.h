// Traces as files: JSON lines, one event each, readable by their owner alone.
#pragma once

#include "harness/trace.h"

#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace cardrig::harness {

/// Whether a trace can be written there without a loss. Throws RequestError where it would be written over
/// one of `others` (files that a command reads or writes besides; names of no file do no harm), or over a
/// file that has something in it and does not begin as a trace. Changes nothing.
void check_trace_place(const std::string& path, const std::vector<std::string>& others);

/// A trace file that is being written. Every event is in the file once write() has returned, so that a rig
/// that is killed leaves what it saw.
class TraceFile {
public:
    /// Creates the file (mode 0600) or empties it. Throws RequestError with the path and the system's reason,
    /// also for a pipe that nobody reads.
    explicit TraceFile(std::string path);
    TraceFile(const TraceFile&) = delete;
    TraceFile& operator=(const TraceFile&) = delete;
    ~TraceFile();

    /// Throws RequestError where the disk refuses.
    void write(const TraceEvent& event);
    /// For whoever writes the lines by itself.
    [[nodiscard]] int descriptor() const { return descriptor_; }

private:
    std::string path_;
    int descriptor_ = -1;
};

/// One event as a line of such a file, without its newline.
[[nodiscard]] std::string trace_line(const TraceEvent& event);

/// Reads a trace file. Throws RequestError with file:line at a line that is no event.
[[nodiscard]] std::vector<TraceEvent> read_trace(const std::string& path);
/// The same from text that is there already; `file` is what messages call it.
[[nodiscard]] std::vector<TraceEvent> parse_trace(std::string_view text, const std::string& file);

/// One event as one line for people: number, time, kind, meaning, bytes, status and its meaning.
/// `most_bytes`: of a command or an answer at most so many are shown, and then how many there are.
[[nodiscard]] std::string readable(const TraceEvent& event,
                                   std::size_t most_bytes = std::numeric_limits<std::size_t>::max());

} // namespace cardrig::harness
