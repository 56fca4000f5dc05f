// Connections to a vpcd, and from one: nothing here waits.
#pragma once

#include "harness/rig/unique_fd.h"
#include "harness/serve/endpoint.h"
#include "harness/serve/wakeup.h"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <sys/socket.h>

namespace cardrig::harness {

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;
};

/// One try to reach an endpoint: its name is looked up, and its addresses are tried in turn.
class Dialing final {
public:
    using Clock = std::chrono::steady_clock;

    /// `wakeup` is woken when a name has been looked up.
    Dialing(Endpoint endpoint, SharedWakeup wakeup);

    /// To be polled for output; -1 while a name is looked up.
    [[nodiscard]] int descriptor() const { return socket_.get(); }
    /// When step() is to be called at the latest.
    [[nodiscard]] Clock::time_point deadline() const { return deadline_; }
    enum class Progress : std::uint8_t { going_on, connected, failed };
    /// To be called after poll() or a wakeup.
    [[nodiscard]] Progress step();
    /// Once connected: a socket that blocks, and that notices when the other host is gone.
    [[nodiscard]] UniqueFd take() { return std::move(socket_); }
    /// Once failed: the last reason, in the system's words.
    [[nodiscard]] const std::string& trouble() const { return trouble_; }

private:
    struct Lookup;
    [[nodiscard]] Progress try_next();
    [[nodiscard]] Progress connected();
    void look_up();

    Endpoint endpoint_;
    SharedWakeup wakeup_;
    std::shared_ptr<Lookup> lookup_; ///< shared with a thread that may outlive this
    std::vector<SocketAddress> addresses_;
    std::size_t next_ = 0;
    UniqueFd socket_;
    Clock::time_point deadline_;
    std::string trouble_;
};

/// A socket that vpcd can connect to. Throws HostError, or RequestError where the endpoint's host is no
/// address or name of this host.
[[nodiscard]] UniqueFd listen_at(const Endpoint& endpoint);
/// The next connection that waits there, as Dialing::take() gives it; none if none waits.
[[nodiscard]] UniqueFd accept_from(int listener);

} // namespace cardrig::harness
