// Whoever asks over a control socket.
#pragma once

#include "harness/hand/control_request.h"
#include "harness/rig/unique_fd.h"

#include <chrono>
#include <string>

#include <nlohmann/json.hpp>

namespace cardrig::harness {

class ControlClient final {
public:
    /// Throws HostError where no rig is there, nor comes within `limit`.
    explicit ControlClient(const std::string& path,
                           std::chrono::milliseconds limit = std::chrono::milliseconds(0));

    /// The answer, an object with "ok". Throws HostError where none comes within `limit`, or none that could
    /// be understood.
    [[nodiscard]] nlohmann::json ask(const ControlRequest& request, std::chrono::milliseconds limit);

private:
    [[nodiscard]] std::string next_line(std::chrono::steady_clock::time_point until);

    UniqueFd socket_;
    std::string waiting_;
};

} // namespace cardrig::harness
