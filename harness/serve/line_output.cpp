#include "harness/serve/line_output.h"

#include "harness/files.h"
#include "harness/rig/quiet_thread.h"
#include "harness/rig/unique_fd.h"

#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include <fcntl.h>

namespace cardrig::harness {

namespace {

/// One write takes what waits, up to this: whole lines.
constexpr std::size_t most_at_once = 64UL << 10U;

} // namespace

struct LineOutput::Queue {
    UniqueFd descriptor;
    LineOutputOptions options;
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::string> lines; ///< each with its newline
    std::size_t bytes = 0;         ///< of lines, and of those that are being written
    std::size_t writing = 0;       ///< of those alone
    std::uint64_t lost = 0;
    std::uint64_t told_lost = 0; ///< of those, how many a gap line has told
    bool started = false;
    bool failed = false;
    bool ending = false;
    bool ended = false;
    bool abandoned = false; ///< nobody is there any more to be called

    void write_lines();
    [[nodiscard]] std::string take();
    void push(std::string line);
    void tell_gap();
};

void LineOutput::Queue::push(std::string line) {
    line += '\n';
    bytes += line.size();
    lines.push_back(std::move(line));
}

/// Where lines were lost since the last one that was not.
void LineOutput::Queue::tell_gap() {
    if (lost != told_lost && options.gap) {
        push(options.gap(lost - told_lost));
        told_lost = lost;
    }
}

/// What is to be written next; called under the lock.
std::string LineOutput::Queue::take() {
    std::string text;
    while (!lines.empty() && (text.empty() || text.size() + lines.front().size() <= most_at_once)) {
        text += lines.front();
        lines.pop_front();
    }
    writing = text.size();
    if (lines.empty()) {
        tell_gap(); // for the next time
    }
    return text;
}

void LineOutput::Queue::write_lines() {
    std::unique_lock lock(mutex);
    while (!failed && !abandoned) {
        changed.wait(lock, [this] { return ending || !lines.empty(); });
        if (lines.empty()) {
            tell_gap();
        }
        if (lines.empty()) {
            break;
        }
        const std::string text = take();
        lock.unlock();
        const bool written =
            write_all(descriptor.get(), {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
        const int error = errno;
        lock.lock();
        bytes -= std::exchange(writing, 0);
        failed = !written;
        if (failed && !abandoned && options.failed) {
            options.failed(error);
        }
    }
    ended = true;
    changed.notify_all();
}

LineOutput::LineOutput(int descriptor, LineOutputOptions options) : queue_(std::make_shared<Queue>()) {
    queue_->descriptor.reset(fcntl(descriptor, F_DUPFD_CLOEXEC, 3));
    queue_->options = std::move(options);
}

LineOutput::~LineOutput() {
    finish(std::chrono::milliseconds(0));
}

void LineOutput::add(std::string line) {
    const std::scoped_lock lock(queue_->mutex);
    Queue& queue = *queue_;
    if (queue.ending || queue.failed || queue.bytes + line.size() >= queue.options.most_bytes) {
        ++queue.lost;
        return;
    }
    queue.tell_gap();
    queue.push(std::move(line));
    if (!queue.started) {
        queue.started = true;
        thread_ = start_without_signals([shared = queue_] { shared->write_lines(); });
    }
    queue.changed.notify_all();
}

std::uint64_t LineOutput::finish(std::chrono::milliseconds limit) {
    std::unique_lock lock(queue_->mutex);
    queue_->ending = true;
    queue_->changed.notify_all();
    const bool ended =
        !thread_.joinable() || queue_->changed.wait_for(lock, limit, [this] { return queue_->ended; });
    const std::uint64_t lost = queue_->lost + queue_->lines.size();
    queue_->abandoned = true;
    lock.unlock();
    if (thread_.joinable()) {
        if (ended) {
            thread_.join();
            queue_->descriptor.reset();
        } else {
            thread_.detach(); // it hangs in a write that nobody can end; the process's end does
        }
    }
    return lost;
}

} // namespace cardrig::harness
