#include "harness/rig/keeper.h"

#include "harness/errors.h"
#include "harness/rig/keeper_process.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

constexpr std::chrono::seconds kill_limit{2};

/// One wait ends after this, to see whether anything else is the matter.
constexpr std::chrono::milliseconds slice{100};

} // namespace

Keeper::Keeper(const PcscHost& host, const DaemonReaders& readers, const std::string& folder,
               const sigset_t& client_mask, const ConnectionRequest& first) {
    auto [mine, its] = message_pair();
    auto [requests, guardians] = message_pair();
    line_ = std::move(mine);
    guardian_ = std::move(requests);
    const KeeperPlan plan{{host, readers, folder, -1, guardians.get(), geteuid(), getegid()},
                          its.get(),
                          SignalState::current(client_mask)};
    if (first.slots != 0) {
        request_connections(first);
    }
    process_ = fork();
    if (process_ < 0) {
        throw HostError(fmt::format("cannot make a process: {}", std::strerror(errno)));
    }
    if (process_ == 0) {
        keep(plan);
    }
    // It does so itself; here, too, so that it is done before there is anything for it to clean up: whoever
    // kills our whole group must not take it along.
    setpgid(process_, process_);
}

Keeper::~Keeper() {
    end();
}

void Keeper::end() {
    if (process_ < 0) {
        return;
    }
    send_message(line_.get(), {MessageKind::end, 0, 0, {}, {}});
    shutdown(guardian_.get(), SHUT_RDWR);
    while (waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
    }
    process_ = -1;
}

void Keeper::note(const Message& message) {
    const std::lock_guard lock(line_mutex_);
    if (message.kind == MessageKind::daemon_ended) {
        daemon_status_ = message.value;
    } else if (message.kind == MessageKind::client_ended || message.kind == MessageKind::client_not_started) {
        client_runs_ = false;
        client_ended_.notify_all();
    }
}

Message Keeper::receive() {
    std::optional<Message> message = receive_message(line_.get());
    if (!message) {
        throw HostError("the rig's keeper process is gone");
    }
    note(*message);
    return std::move(*message);
}

void Keeper::start_daemon(UniqueFd listener) {
    if (!send_message(line_.get(), {MessageKind::start_daemon, 0, 0, {}, {}}, {listener.get()})) {
        throw HostError("the rig's keeper process is gone");
    }
}

std::string Keeper::wait_for_daemon() {
    Message message = receive();
    if (message.kind != MessageKind::daemon_started) {
        throw HostError(fmt::format("cannot start a private pcscd: {}", message.text));
    }
    return std::move(message.text);
}

void Keeper::ready() {
    send_message(line_.get(), {MessageKind::ready, 0, 0, {}, {}});
}

std::optional<int> Keeper::daemon_status() {
    const std::lock_guard lock(line_mutex_);
    pollfd wait{line_.get(), POLLIN, 0};
    while (!daemon_status_ && !client_runs_ && poll(&wait, 1, 0) > 0) {
        const std::optional<Message> message = receive_message(line_.get());
        if (!message) {
            throw HostError("the rig's keeper process is gone");
        }
        if (message->kind == MessageKind::daemon_ended) {
            daemon_status_ = message->value;
        }
    }
    return daemon_status_;
}

bool Keeper::client_runs() const {
    const std::lock_guard lock(line_mutex_);
    return client_runs_;
}

void Keeper::request_connections(const ConnectionRequest& request) {
    send_message(guardian_.get(), {MessageKind::connect,
                                   static_cast<int>(request.slots),
                                   static_cast<int>(request.limit.count()),
                                   {},
                                   {}});
}

UniqueFd Keeper::take_connection(int slot, const std::function<void()>& keep_waiting) {
    std::unique_lock lock(guardian_mutex_);
    while (true) {
        const auto early = std::find_if(early_connections_.begin(), early_connections_.end(),
                                        [slot](const Message& message) { return message.value == slot; });
        if (early != early_connections_.end()) {
            Message message = std::move(*early);
            early_connections_.erase(early);
            if (message.kind != MessageKind::connected || message.files.empty()) {
                throw HostError(
                    fmt::format("cannot connect a card to vpcd: {}", std::strerror(message.detail)));
            }
            return std::move(message.files.front());
        }
        if (guardian_gone_) {
            throw HostError("cannot connect a card to vpcd: the private pcscd is gone");
        }
        if (receiving_) {
            received_.wait_for(lock, slice);
        } else {
            receive_connections(lock);
        }
        lock.unlock();
        keep_waiting();
        lock.lock();
    }
}

/// Waits a slice, without the mutex, for a message of the guardian, whosever connection it brings.
void Keeper::receive_connections(std::unique_lock<std::mutex>& lock) {
    receiving_ = true;
    lock.unlock();
    pollfd wait{guardian_.get(), POLLIN, 0};
    const bool readable = poll(&wait, 1, static_cast<int>(slice.count())) > 0;
    std::optional<Message> message = readable ? receive_message(guardian_.get()) : std::nullopt;
    lock.lock();
    receiving_ = false;
    guardian_gone_ = readable && !message;
    if (message) {
        early_connections_.push_back(std::move(*message));
    }
    received_.notify_all();
}

void Keeper::start_client(const Launch& launch, const std::vector<int>& streams) {
    const UniqueFd request = launch.to_file();
    std::vector<int> files{request.get()};
    files.insert(files.end(), streams.begin(), streams.end());
    {
        const std::lock_guard lock(line_mutex_);
        client_runs_ = true;
        client_thread_ = std::this_thread::get_id();
    }
    if (!send_message(line_.get(), {MessageKind::start_client, 0, 0, {}, {}}, files)) {
        throw HostError(
            fmt::format("cannot hand the client to the keeper process: {}", std::strerror(errno)));
    }
}

void Keeper::remove_at_end(const std::string& socket) {
    send_message(line_.get(), {MessageKind::remove_at_end, 0, 0, socket, {}});
}

void Keeper::stop_client(int signal) {
    send_message(line_.get(), {MessageKind::stop_client, signal, 0, {}, {}});
}

void Keeper::kill_client() {
    send_message(line_.get(), {MessageKind::kill_client, 0, 0, {}, {}});
    wait_for_client_end();
}

void Keeper::wait_for_client_end() {
    // Whoever runs the client is told of its end by itself, and cannot wait for it here.
    std::unique_lock lock(line_mutex_);
    if (client_thread_ != std::this_thread::get_id()) {
        client_ended_.wait_for(lock, kill_limit, [this] { return !client_runs_; });
    }
}

} // namespace cardrig::harness
