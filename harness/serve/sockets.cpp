#include "harness/serve/sockets.h"

#include "harness/errors.h"
#include "harness/rig/quiet_thread.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <optional>

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

using namespace std::chrono_literals;

/// For one address; on this host it is told in microseconds.
constexpr auto connect_limit = 5s;
/// For looking a name up: the resolver has limits of its own, of about this.
constexpr auto lookup_limit = 30s;

struct Found {
    std::vector<SocketAddress> addresses;
    std::string trouble;
};

Found find_addresses(const Endpoint& endpoint, int flags) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV | flags;
    addrinfo* list = nullptr;
    Found found;
    const std::string port = fmt::format("{}", endpoint.port);
    if (const int error = getaddrinfo(endpoint.host.c_str(), port.c_str(), &hints, &list); error != 0) {
        found.trouble = error == EAI_SYSTEM ? std::strerror(errno) : gai_strerror(error);
        return found;
    }
    for (const addrinfo* at = list; at != nullptr; at = at->ai_next) {
        SocketAddress address;
        address.size = at->ai_addrlen;
        std::memcpy(&address.storage, at->ai_addr, at->ai_addrlen);
        found.addresses.push_back(address);
    }
    freeaddrinfo(list);
    return found;
}

const sockaddr* generic(const SocketAddress& address) {
    return reinterpret_cast<const sockaddr*>(&address.storage);
}

void set_option(int socket, int level, int option, int value) {
    // A socket without it only notices later, or is slower.
    static_cast<void>(setsockopt(socket, level, option, &value, sizeof value));
}

/// A host that lost its power says no more, and nobody else says it for it.
void notice_a_dead_host(int socket) {
    constexpr int idle_seconds = 10;
    constexpr int interval_seconds = 5;
    constexpr int probes = 3;
    constexpr int unanswered_ms = 25'000;
    set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, idle_seconds);
    set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, interval_seconds);
    set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, probes);
    set_option(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, unanswered_ms);
}

/// vpcd's ports are within the range that systems give to outgoing connections: a connection to a port that
/// nobody listens at can be given that very port, and is then one with itself.
bool is_connected_to_itself(int socket) {
    SocketAddress here;
    SocketAddress there;
    here.size = sizeof here.storage;
    there.size = sizeof there.storage;
    return getsockname(socket, reinterpret_cast<sockaddr*>(&here.storage), &here.size) == 0 &&
           getpeername(socket, reinterpret_cast<sockaddr*>(&there.storage), &there.size) == 0 &&
           here.size == there.size && std::memcmp(&here.storage, &there.storage, here.size) == 0;
}

/// Closed in the usual way, its port would not be free for a while, and vpcd could not have it.
void drop_at_once(UniqueFd& socket) {
    const linger no_wait{1, 0};
    static_cast<void>(setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &no_wait, sizeof no_wait));
    socket.reset();
}

void make_blocking(int socket) {
    fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) & ~O_NONBLOCK);
}

} // namespace

/// Looking a name up can take long and cannot be interrupted: a thread does it, and is left behind if nobody
/// wants to know any more.
struct Dialing::Lookup {
    std::mutex mutex;
    std::optional<Found> found;
};

Dialing::Dialing(Endpoint endpoint, SharedWakeup wakeup)
    : endpoint_(std::move(endpoint)), wakeup_(std::move(wakeup)), deadline_(Clock::now()) {
    Found found = find_addresses(endpoint_, AI_NUMERICHOST);
    if (found.addresses.empty() && endpoint_.host == "localhost") {
        found = find_addresses(endpoint_, 0); // every host knows it by itself
    }
    addresses_ = std::move(found.addresses);
    if (addresses_.empty()) {
        look_up();
    }
}

void Dialing::look_up() {
    lookup_ = std::make_shared<Lookup>();
    deadline_ = Clock::now() + lookup_limit;
    start_without_signals([lookup = lookup_, endpoint = endpoint_, wakeup = wakeup_] {
        Found found = find_addresses(endpoint, 0);
        const std::scoped_lock lock(lookup->mutex);
        lookup->found = std::move(found);
        wakeup->wake();
    }).detach();
}

Dialing::Progress Dialing::step() {
    if (lookup_) {
        const std::scoped_lock lock(lookup_->mutex);
        if (!lookup_->found && Clock::now() < deadline_) {
            return Progress::going_on;
        }
        const Found found = lookup_->found.value_or(Found{{}, "the name is not found in time"});
        addresses_ = found.addresses;
        trouble_ = found.trouble;
    }
    lookup_.reset();
    if (!socket_) {
        return try_next();
    }
    pollfd state{socket_.get(), POLLOUT, 0};
    if (poll(&state, 1, 0) == 0) {
        if (Clock::now() < deadline_) {
            return Progress::going_on;
        }
        trouble_ = std::strerror(ETIMEDOUT);
        return try_next();
    }
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
        trouble_ = std::strerror(error);
        return try_next();
    }
    return connected();
}

Dialing::Progress Dialing::try_next() {
    while (next_ < addresses_.size()) {
        const SocketAddress& address = addresses_[next_++];
        socket_.reset(
            ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
        deadline_ = Clock::now() + connect_limit;
        if (socket_ && connect(socket_.get(), generic(address), address.size) == 0) {
            return connected();
        }
        if (socket_ && errno == EINPROGRESS) {
            return Progress::going_on;
        }
        trouble_ = std::strerror(errno);
    }
    socket_.reset();
    return Progress::failed;
}

Dialing::Progress Dialing::connected() {
    if (is_connected_to_itself(socket_.get())) {
        drop_at_once(socket_);
        trouble_ = std::strerror(ECONNREFUSED);
        return try_next();
    }
    make_blocking(socket_.get());
    notice_a_dead_host(socket_.get());
    return Progress::connected;
}

UniqueFd listen_at(const Endpoint& endpoint) {
    const Found found = find_addresses(endpoint, AI_PASSIVE);
    if (found.addresses.empty()) {
        throw RequestError(fmt::format("--listen {}: {}", endpoint.text(), found.trouble));
    }
    const SocketAddress& address = found.addresses.front();
    UniqueFd socket(
        ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
    set_option(socket.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    constexpr int backlog = 8;
    if (!socket || bind(socket.get(), generic(address), address.size) != 0 ||
        listen(socket.get(), backlog) != 0) {
        throw HostError(fmt::format("cannot listen at {}: {}", endpoint.text(), std::strerror(errno)));
    }
    return socket;
}

UniqueFd accept_from(int listener) {
    UniqueFd socket(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    if (socket) {
        notice_a_dead_host(socket.get());
    }
    return socket;
}

} // namespace cardrig::harness
