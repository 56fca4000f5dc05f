// Lines to somebody who may not read them: whoever adds one never waits.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace cardrig::harness {

struct LineOutputOptions {
    /// So many bytes wait at most; what does not fit is lost, and counted.
    std::size_t most_bytes = 256UL << 10U;
    /// The line to write in the place of lost ones; none is written without it. Called under the output's
    /// lock, and as failed() must not add to the same output.
    std::function<std::string(std::uint64_t lost)> gap;
    /// Told once, on the output's thread, when the other end is closed or the disk is full: whatever comes
    /// after that is lost. `error` is an errno.
    std::function<void(int error)> failed;
};

/// Thread-safe. The writing thread starts with the first line, and takes no signal.
class LineOutput final {
public:
    /// Writes to a copy of the descriptor, whose mode it never changes, and which is closed at the end.
    explicit LineOutput(int descriptor, LineOutputOptions options = {});
    LineOutput(const LineOutput&) = delete;
    LineOutput& operator=(const LineOutput&) = delete;
    /// As finish() with no time to wait.
    ~LineOutput();

    /// `line` is without its newline.
    void add(std::string line);
    /// Waits until all is written, but not longer than `limit`: if somebody has stopped reading, the rest is
    /// lost. Nothing can be added afterwards. Gives the number of lines that were lost, apart from those that
    /// hang half way.
    std::uint64_t finish(std::chrono::milliseconds limit);

private:
    struct Queue;
    std::shared_ptr<Queue> queue_; ///< a thread that hangs in a write is left behind with it
    std::thread thread_;
};

} // namespace cardrig::harness
