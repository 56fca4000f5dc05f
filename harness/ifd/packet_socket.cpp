#include "harness/ifd/packet_socket.h"

#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <sys/uio.h>

namespace cardrig::harness::ifd {

std::optional<sockaddr_un> socket_address(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path) {
        return std::nullopt;
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

void widen(int socket) {
    const int size = 256 * 1024;
    // Where the host refuses, its default stays; a packet that does not fit then fails by itself.
    static_cast<void>(setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &size, sizeof size));
}

bool send_packet(int socket, ByteView head, ByteView data, Waiting waiting) {
    std::array<iovec, 2> parts{{{const_cast<std::uint8_t*>(head.data()), head.size()},
                                {const_cast<std::uint8_t*>(data.data()), data.size()}}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    const int flags = MSG_NOSIGNAL | (waiting == Waiting::no ? MSG_DONTWAIT : 0);
    ssize_t sent = -1;
    do {
        sent = sendmsg(socket, &message, flags);
    } while (sent < 0 && errno == EINTR);
    return sent >= 0;
}

std::optional<ByteView> receive_packet(int socket, std::span<std::uint8_t> buffer, Waiting waiting) {
    const int flags = MSG_TRUNC | (waiting == Waiting::no ? MSG_DONTWAIT : 0);
    ssize_t count = -1;
    do {
        count = recv(socket, buffer.data(), buffer.size(), flags);
    } while (count < 0 && errno == EINTR);
    if (count <= 0 || static_cast<std::size_t>(count) > buffer.size()) {
        return std::nullopt;
    }
    return ByteView(buffer.first(static_cast<std::size_t>(count)));
}

} // namespace cardrig::harness::ifd
