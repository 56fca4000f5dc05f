// What a client that the rig runs reads and prints: a file or a pipe, and a pipe; or a terminal of its own.
#pragma once

#include "harness/rig.h"
#include "harness/rig/unique_fd.h"

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace cardrig::harness {

/// Thread-safe but for start(). Nothing here waits for the client, but for type().
class ClientStreams final {
public:
    /// Of a command that is not attached, and outlives it. Throws HostError.
    explicit ClientStreams(const ClientCommand& command);
    ClientStreams(const ClientStreams&) = delete;
    ClientStreams& operator=(const ClientStreams&) = delete;

    /// Its standard input, output and error, until they are closed here: it then has them. Of a terminal one
    /// stays open.
    [[nodiscard]] std::vector<int> for_client() const;
    void close_for_client();

    /// Readable when the client has printed something, or closed its output; -1 when there is nothing to
    /// come. A terminal's is never closed.
    [[nodiscard]] int descriptor() const;
    /// Hands all that the client has printed until now to ClientCommand::on_output, before it returns. When a
    /// client's write() to its output has returned, that is there: Linux does what a terminal still has to do
    /// for it when it is read from.
    void drain();
    /// The same, but where another thread is at it nothing is waited for: what that one does about the output
    /// may wait for whoever calls this.
    void drain_if_free();

    /// A line and its end. Waits while the client's input is full. Nothing happens where the client has gone.
    void type(std::string_view line);
    /// The client has ended: whoever types does not wait any more.
    void end() { ended_ = true; }
    /// What it was started with is going: nothing is handed on any more when this returns.
    void close();

    void set_process(pid_t process) { process_ = process; }
    /// Whether the client waits for a line: it, or a process below it, waits for its terminal; or all its
    /// threads, and theirs, have slept for a while, since it has printed something. By one thread at a time.
    [[nodiscard]] bool client_waits();

private:
    void open_pipes();
    void read_all();

    const ClientCommand& command_;
    UniqueFd output_;
    UniqueFd input_; ///< a pipe's; on a terminal, `output_` is it
    std::vector<UniqueFd> for_client_;
    std::mutex reading_;
    std::atomic<bool> over_ = false; ///< nothing more is printed
    std::mutex typing_;
    std::atomic<bool> ended_ = false;
    std::atomic<pid_t> process_ = -1;
    std::string terminal_;              ///< its path; empty where it has none
    std::atomic<bool> printed_ = false; ///< since client_waits() looked last
    std::optional<std::chrono::steady_clock::time_point> asleep_since_;
};

} // namespace cardrig::harness
