// A client to be started, as the rig hands it to its keeper.
#pragma once

#include "harness/rig/unique_fd.h"

#include <csignal>
#include <string>
#include <sys/types.h>
#include <vector>

namespace cardrig::harness {

struct Launch {
    std::vector<std::string> argv;
    std::vector<std::string> environment; ///< "NAME=value"
    std::string directory;
    pid_t group = 0;       ///< process group to join; 0: a session of its own
    bool terminal = false; ///< its standard input is a terminal, and becomes its session's

    /// As the contents of a file in memory: too long for a packet. Throws HostError.
    [[nodiscard]] UniqueFd to_file() const;
    [[nodiscard]] static Launch from_file(int fd);
};

/// Signals as they were before the keeper changed them; what a client is started with.
struct SignalState {
    sigset_t mask{};
    std::vector<struct sigaction> actions; ///< by signal number

    [[nodiscard]] static SignalState current(const sigset_t& mask);
    void restore() const;
};

struct Launched {
    pid_t pid = -1;
    int error = 0; ///< errno if it could not be started
};

/// Starts it with these as standard input, output and error. It is killed if this process dies.
[[nodiscard]] Launched launch(const Launch& launch, const SignalState& signals,
                              const std::vector<UniqueFd>& streams);

} // namespace cardrig::harness
