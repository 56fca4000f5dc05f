// The rig's side of the keeper: the line to the process that starts everything and outlives the rig.
#pragma once

#include "harness/rig/guardian.h"
#include "harness/rig/launch.h"
#include "harness/rig/message.h"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <sys/types.h>
#include <thread>
#include <vector>

namespace cardrig::harness {

/// Connections to slots of vpcd.
struct ConnectionRequest {
    unsigned slots = 0; ///< bits; 0 for none
    std::chrono::milliseconds limit{0};
};

class Keeper final {
public:
    /// Makes the keeper's process. Nothing of the rig is on the host before: from now on the keeper removes
    /// `folder`, whatever happens to us, unless it is ended before it has started the daemon.
    /// `client_mask`: signals that clients have blocked. `first`: connections that are requested before the
    /// daemon starts, so that vpcd finds those cards when it looks first.
    Keeper(const PcscHost& host, const DaemonReaders& readers, const std::string& folder,
           const sigset_t& client_mask, const ConnectionRequest& first);
    Keeper(const Keeper&) = delete;
    Keeper& operator=(const Keeper&) = delete;
    ~Keeper();
    /// Ends it, and waits until nothing is left. Threads that wait for connections get an error.
    void end();

    /// Lets the daemon start, which serves `listener`.
    void start_daemon(UniqueFd listener);
    /// Waits until it has; returns things worth telling the user. Throws HostError.
    [[nodiscard]] std::string wait_for_daemon();
    /// The daemon answers.
    void ready();

    /// From any thread.
    void request_connections(const ConnectionRequest& request);
    /// The connection to a slot of vpcd, after it was requested; from any thread, one for each slot. Throws
    /// HostError. `keep_waiting` is called now and then meanwhile, and throws to stop it.
    [[nodiscard]] UniqueFd take_connection(int slot, const std::function<void()>& keep_waiting);

    /// Throws HostError if the keeper is gone or a stream is closed.
    void start_client(const Launch& launch, const std::vector<int>& streams);
    void stop_client(int signal);
    /// SIGKILL for the client that runs, if one does, and for all below it. From any thread; on all but the
    /// one that runs the client it returns when none of them is left, or after two seconds: what it would
    /// have done next it does not.
    void kill_client();
    /// Waits as that does, but kills nobody.
    void wait_for_client_end();

    /// A socket outside the rig's folder that is removed when everything has ended, if it is still the same.
    void remove_at_end(const std::string& socket);

    /// Readable when the keeper has something to say.
    [[nodiscard]] int descriptor() const { return line_.get(); }
    /// Waits for the next message; throws HostError if the keeper is gone. That the daemon has ended is also
    /// remembered.
    [[nodiscard]] Message receive();
    /// Wait status of the daemon if it has ended, as far as is known without waiting; from any thread. While
    /// a client runs only what receive() has met is known.
    [[nodiscard]] std::optional<int> daemon_status();
    /// From start_client() to the message that it has ended. From any thread.
    [[nodiscard]] bool client_runs() const;

private:
    void receive_connections(std::unique_lock<std::mutex>& lock);
    void note(const Message& message);

    UniqueFd line_;
    UniqueFd guardian_;
    pid_t process_ = -1;
    mutable std::mutex line_mutex_;
    std::condition_variable client_ended_;
    bool client_runs_ = false;
    std::thread::id client_thread_; ///< that runs the client
    std::optional<int> daemon_status_;

    std::mutex guardian_mutex_;
    std::condition_variable received_;
    bool receiving_ = false; ///< one of the threads that wait for a connection, for all of them
    bool guardian_gone_ = false;
    std::vector<Message> early_connections_;
};

} // namespace cardrig::harness
