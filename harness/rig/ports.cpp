#include "harness/rig/ports.h"

#include "harness/errors.h"

#include <arpa/inet.h>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <netinet/in.h>
#include <random>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

constexpr std::uint16_t usual_port = 0x8C7B;

sockaddr_in address_of(std::uint32_t host, std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(host);
    address.sin_port = htons(port);
    return address;
}

bool can_be_bound(std::uint16_t port) {
    const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = address_of(INADDR_ANY, port);
    return socket && bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

/// A name in the abstract socket namespace is taken by one process at a time and freed with it.
UniqueFd reserve(std::uint16_t port) {
    UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string name = fmt::format("cardrig-vpcd-port-{}", port);
    std::memcpy(address.sun_path + 1, name.data(), name.size());
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    if (!socket || bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) {
        socket.reset();
    }
    return socket;
}

} // namespace

PortPair PortPair::usual() {
    PortPair pair;
    pair.first_ = usual_port;
    return pair;
}

PortPair PortPair::find_free() {
    constexpr int tries = 200;
    std::random_device random;
    // Below the range that systems hand out to outgoing connections; even, so that pairs do not overlap.
    std::uniform_int_distribution<int> even_port(10000, 16000);
    for (int i = 0; i < tries; ++i) {
        const auto port = static_cast<std::uint16_t>(even_port(random) * 2);
        UniqueFd reservation = reserve(port);
        if (reservation && can_be_bound(port) && can_be_bound(static_cast<std::uint16_t>(port + 1))) {
            PortPair pair;
            pair.first_ = port;
            pair.reservation_ = std::move(reservation);
            return pair;
        }
    }
    throw HostError("cannot find two adjacent free TCP ports for vpcd");
}

Connection connect_to_port(std::uint16_t port) {
    UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_in address = address_of(INADDR_LOOPBACK, port);
    if (!socket || connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return {UniqueFd(), errno};
    }
    return {std::move(socket), 0};
}

} // namespace cardrig::harness
