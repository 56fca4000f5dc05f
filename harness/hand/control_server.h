// The control socket: lets any language move cards. A JSON object a line is asked, one a line is answered.
#pragma once

#include "harness/hand/control_request.h"
#include "harness/hand/control_socket.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include <nlohmann/json.hpp>

namespace cardrig::harness {

class Hand;

inline constexpr std::size_t most_control_connections = 16;

/// Answers a request; may wait, and calls `keep_waiting` now and then meanwhile, which throws where nobody
/// waits for the answer any more. What it throws becomes an answer, too: RequestError, NotInTime, HostError.
using ControlAnswers =
    std::function<nlohmann::json(const ControlRequest& request, const std::function<void()>& keep_waiting)>;

/// By a hand, which outlives the function. `seen`: whether the daemon is ours, so that it is known when
/// clients can have seen what was done; else nothing is said of that.
[[nodiscard]] ControlAnswers answers_of(Hand& hand, bool seen = true);

/// A thread of its own, and one for each connection, so that nobody waits for what another one asked for.
/// Only processes of this user (and root's) are answered.
class ControlServer final {
public:
    /// As ControlSocket's constructor, which is made here.
    ControlServer(std::string path, ControlAnswers answers);
    ControlServer(std::unique_ptr<ControlSocket> socket, ControlAnswers answers);
    ControlServer(const ControlServer&) = delete;
    ControlServer& operator=(const ControlServer&) = delete;
    /// Whoever still waits is told that the rig ends.
    ~ControlServer();

    [[nodiscard]] const std::string& path() const;

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

} // namespace cardrig::harness
