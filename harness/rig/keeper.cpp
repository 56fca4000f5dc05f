#include "harness/rig/keeper.h"

#include "harness/errors.h"
#include "harness/rig/keeper_process.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

/// One wait ends after this, to see whether anything else is the matter.
constexpr int slice_ms = 100;

} // namespace

Keeper::Keeper(const PcscHost& host, const std::string& folder, UniqueFd listener,
               const sigset_t& client_mask, const ConnectionRequest& first) {
    auto [mine, its] = message_pair();
    auto [requests, guardians] = message_pair();
    line_ = std::move(mine);
    guardian_ = std::move(requests);
    const KeeperPlan plan{{host, folder, listener.get(), guardians.get(), geteuid(), getegid()},
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
}

Keeper::~Keeper() {
    send_message(line_.get(), {MessageKind::end, 0, 0, {}, {}});
    guardian_.reset();
    while (waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
    }
}

Message Keeper::receive() {
    std::optional<Message> message = receive_message(line_.get());
    if (!message) {
        throw HostError("the rig's keeper process is gone");
    }
    if (message->kind == MessageKind::daemon_ended) {
        daemon_status_ = message->value;
    }
    return std::move(*message);
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
    pollfd wait{line_.get(), POLLIN, 0};
    while (!daemon_status_ && poll(&wait, 1, 0) > 0) {
        static_cast<void>(receive());
    }
    return daemon_status_;
}

void Keeper::request_connections(const ConnectionRequest& request) {
    send_message(guardian_.get(), {MessageKind::connect,
                                   static_cast<int>(request.slots),
                                   static_cast<int>(request.limit.count()),
                                   {},
                                   {}});
}

UniqueFd Keeper::take_connection(int slot, const std::function<void()>& keep_waiting) {
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
        pollfd wait{guardian_.get(), POLLIN, 0};
        while (poll(&wait, 1, slice_ms) <= 0) {
            keep_waiting();
        }
        std::optional<Message> message = receive_message(guardian_.get());
        if (!message) {
            throw HostError("cannot connect a card to vpcd: the private pcscd is gone");
        }
        early_connections_.push_back(std::move(*message));
    }
}

void Keeper::start_client(const Launch& launch, const std::vector<int>& streams) {
    const UniqueFd request = launch.to_file();
    std::vector<int> files{request.get()};
    files.insert(files.end(), streams.begin(), streams.end());
    if (!send_message(line_.get(), {MessageKind::start_client, 0, 0, {}, {}}, files)) {
        throw HostError(
            fmt::format("cannot hand the client to the keeper process: {}", std::strerror(errno)));
    }
}

void Keeper::stop_client(int signal) {
    send_message(line_.get(), {MessageKind::stop_client, signal, 0, {}, {}});
}

} // namespace cardrig::harness
