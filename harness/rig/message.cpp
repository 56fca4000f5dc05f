#include "harness/rig/message.h"

#include "harness/errors.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/uio.h>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

constexpr std::size_t max_files = 4;
using Numbers = std::array<std::int32_t, 3>;

} // namespace

std::pair<UniqueFd, UniqueFd> message_pair() {
    std::array<int, 2> ends{};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        throw HostError(fmt::format("cannot make a socket pair: {}", std::strerror(errno)));
    }
    return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

bool send_message(int socket, const Message& message, const std::vector<int>& files) {
    Numbers numbers{static_cast<std::int32_t>(message.kind), message.value, message.detail};
    std::string text = message.text.substr(0, max_message_text);
    std::array<iovec, 2> parts{{{numbers.data(), sizeof numbers}, {text.data(), text.size()}}};
    msghdr header{};
    header.msg_iov = parts.data();
    header.msg_iovlen = parts.size();
    alignas(cmsghdr) std::array<char, CMSG_SPACE(max_files * sizeof(int))> control{};
    if (!files.empty()) {
        header.msg_control = control.data();
        header.msg_controllen = CMSG_SPACE(files.size() * sizeof(int));
        cmsghdr* const part = CMSG_FIRSTHDR(&header);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(files.size() * sizeof(int));
        std::memcpy(CMSG_DATA(part), files.data(), files.size() * sizeof(int));
    }
    while (true) {
        if (sendmsg(socket, &header, MSG_NOSIGNAL) >= 0) {
            return true;
        }
        if (errno != EINTR) {
            return false;
        }
    }
}

std::optional<Message> receive_message(int socket) {
    Numbers numbers{};
    std::string text(max_message_text, '\0');
    std::array<iovec, 2> parts{{{numbers.data(), sizeof numbers}, {text.data(), text.size()}}};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(max_files * sizeof(int))> control{};
    msghdr header{};
    header.msg_iov = parts.data();
    header.msg_iovlen = parts.size();
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    ssize_t count = -1;
    do {
        count = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
    } while (count < 0 && errno == EINTR);
    if (count < static_cast<ssize_t>(sizeof numbers)) {
        return std::nullopt;
    }
    Message message{static_cast<MessageKind>(numbers[0]), numbers[1], numbers[2], {}, {}};
    text.resize(static_cast<std::size_t>(count) - sizeof numbers);
    message.text = std::move(text);
    for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        const std::size_t files = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < files; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
            message.files.emplace_back(fd);
        }
    }
    return message;
}

} // namespace cardrig::harness
