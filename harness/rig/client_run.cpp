#include "harness/rig/client_run.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

namespace cardrig::harness {

namespace {

using Clock = std::chrono::steady_clock;

class ClientRun final {
public:
    ClientRun(Keeper& keeper, const SignalWatch* signals, const ClientCommand& command,
              ClientStreams* streams)
        : keeper_(keeper), signals_(signals), command_(command), streams_(streams) {}

    ClientResult run(const Launch& launch);

private:
    void start(const Launch& launch);
    void wait_for_something();
    [[nodiscard]] int wait_limit() const;
    void take_message();
    void take_signals();
    void note_end(const Message& message);
    void stop(int signal);

    Keeper& keeper_;
    const SignalWatch* signals_;
    const ClientCommand& command_;
    ClientStreams* streams_;
    ClientResult result_;
    std::optional<Clock::time_point> until_;
    bool ended_ = false;
    bool stopping_ = false;
};

void ClientRun::start(const Launch& launch) {
    if (command_.limit) {
        until_ = Clock::now() + *command_.limit;
    }
    if (command_.attached) {
        keeper_.start_client(launch, {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO});
        return;
    }
    keeper_.start_client(launch, streams_->for_client());
    streams_->close_for_client();
}

ClientResult ClientRun::run(const Launch& launch) {
    start(launch);
    while (!ended_) {
        wait_for_something();
    }
    if (streams_ != nullptr) {
        streams_->end();
        streams_->drain(); // the rest, because nothing that could write is left
    }
    return result_;
}

int ClientRun::wait_limit() const {
    if (!until_) {
        return -1;
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*until_ - Clock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 1'000'000));
}

void ClientRun::wait_for_something() {
    std::array<pollfd, 3> waits{{{keeper_.descriptor(), POLLIN, 0},
                                 {signals_ != nullptr ? signals_->descriptor() : -1, POLLIN, 0},
                                 {streams_ != nullptr ? streams_->descriptor() : -1, POLLIN, 0}}};
    poll(waits.data(), waits.size(), wait_limit());
    if (until_ && Clock::now() >= *until_) {
        result_.timed_out = true;
        stop(SIGTERM);
    }
    if (waits[2].revents != 0) {
        streams_->drain_if_free();
    }
    if (waits[1].revents != 0) {
        take_signals();
    }
    if (waits[0].revents != 0) {
        take_message();
    }
}

void ClientRun::take_message() {
    const Message message = keeper_.receive();
    switch (message.kind) {
    case MessageKind::daemon_ended:
        stop(SIGTERM);
        break;
    case MessageKind::client_not_started:
        result_.not_found = message.value == ENOENT || message.value == ENOTDIR;
        result_.not_executable = !result_.not_found;
        ended_ = true;
        break;
    case MessageKind::client_started:
        result_.process = message.value;
        if (streams_ != nullptr) {
            streams_->set_process(message.value);
        }
        break;
    case MessageKind::client_ended:
        note_end(message);
        break;
    default:
        break;
    }
}

void ClientRun::note_end(const Message& message) {
    if (WIFEXITED(message.value)) {
        result_.exit_status = WEXITSTATUS(message.value);
    } else {
        result_.signal = WTERMSIG(message.value);
    }
    result_.left_processes = message.detail != 0;
    ended_ = true;
}

/// The terminal's own signals reach the client, which is in the same process group: it decides.
void ClientRun::take_signals() {
    while (const std::optional<SignalWatch::Event> event = signals_->take()) {
        if (!(command_.attached && event->from_terminal && event->signal == SIGINT)) {
            result_.stopped_by = event->signal;
            stop(event->signal);
        }
    }
}

void ClientRun::stop(int signal) {
    until_.reset();
    if (!stopping_) {
        stopping_ = true;
        keeper_.stop_client(signal);
    }
}

} // namespace

ClientResult run_client(Keeper& keeper, const SignalWatch* signals, const Launch& launch,
                        const ClientCommand& command, ClientStreams* streams) {
    return ClientRun(keeper, signals, command, streams).run(launch);
}

} // namespace cardrig::harness
