// The signals that ask a command to end, taken as events, so that it can clean up in good order.
#pragma once

#include "harness/rig/unique_fd.h"

#include <csignal>
#include <optional>
#include <stdexcept>

namespace cardrig::harness {

/// Added to the signal that ended a command, as shells do, for its exit status.
inline constexpr int signal_base = 128;

/// SIGINT, SIGTERM and SIGHUP do nothing by themselves while it lives. Make it before any other thread.
class SignalWatch final {
public:
    SignalWatch();
    SignalWatch(const SignalWatch&) = delete;
    SignalWatch& operator=(const SignalWatch&) = delete;
    ~SignalWatch();

    /// Readable when one has come.
    [[nodiscard]] int descriptor() const { return descriptor_.get(); }
    struct Event {
        int signal = 0;
        bool from_terminal = false; ///< the client, in the same process group, got it too
    };
    /// The next one that has come, without waiting.
    [[nodiscard]] std::optional<Event> take() const;
    /// What was blocked before.
    [[nodiscard]] const sigset_t& mask_before() const { return before_; }

private:
    sigset_t before_{};
    UniqueFd descriptor_;
};

/// One of these signals came while the rig was waiting for something else than a client.
class Interrupted : public std::runtime_error {
public:
    explicit Interrupted(int signal) : std::runtime_error("interrupted"), signal_(signal) {}
    [[nodiscard]] int signal() const { return signal_; }

private:
    int signal_;
};

} // namespace cardrig::harness
