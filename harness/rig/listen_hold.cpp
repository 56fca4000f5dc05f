#include "harness/rig/listen_hold.h"

#include <array>
#include <cstddef>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <optional>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace cardrig::harness {

namespace {

/// A copy of a descriptor of another process of ours.
UniqueFd descriptor_of(pid_t process, int descriptor) {
    const UniqueFd handle(static_cast<int>(syscall(SYS_pidfd_open, process, 0)));
    if (!handle) {
        return UniqueFd();
    }
    return UniqueFd(static_cast<int>(syscall(SYS_pidfd_getfd, handle.get(), descriptor, 0)));
}

std::optional<std::uint16_t> tcp_port_of(int socket) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    if (getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
        address.sin_family != AF_INET) {
        return std::nullopt;
    }
    return ntohs(address.sin_port);
}

} // namespace

UniqueFd hold_listen() {
    // A program for another architecture numbers its calls in another way. What is held by mistake is let go
    // on as it is, because it names no socket.
    std::array<sock_filter, 4> program{{
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_listen},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_USER_NOTIF},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
    }};
    const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return UniqueFd();
    }
    return UniqueFd(static_cast<int>(
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter)));
}

void release_listen(int hold, pid_t daemon, const std::function<void(std::uint16_t port)>& listening) {
    seccomp_notif held{};
    if (ioctl(hold, SECCOMP_IOCTL_NOTIF_RECV, &held) != 0) {
        return; // the daemon has ended meanwhile
    }
    seccomp_notif_resp answer{};
    answer.id = held.id;
    const UniqueFd socket = descriptor_of(daemon, static_cast<int>(held.data.args[0]));
    const std::optional<std::uint16_t> port = socket ? tcp_port_of(socket.get()) : std::nullopt;
    if (port && listen(socket.get(), static_cast<int>(held.data.args[1])) == 0) {
        listening(*port);
    } else {
        answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    }
    ioctl(hold, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

} // namespace cardrig::harness
