#include "harness/rig/isolate.h"

#include "harness/errors.h"
#include "harness/rig/unique_fd.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <net/if.h>
#include <string_view>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

[[noreturn]] void refused(std::string_view step) {
    throw HostError(fmt::format("{}: {}", step, std::strerror(errno)));
}

void write_text(const char* path, std::string_view text) {
    const UniqueFd file(open(path, O_WRONLY | O_CLOEXEC));
    if (!file || write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
        refused(path);
    }
}

/// The rig's user is root inside: that is enough to mount.
void map_user(uid_t user, gid_t group) {
    write_text("/proc/self/setgroups", "deny");
    write_text("/proc/self/uid_map", fmt::format("0 {} 1", user));
    write_text("/proc/self/gid_map", fmt::format("0 {} 1", group));
}

void cover(const std::string& folder) {
    if (mount("none", folder.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=1m") != 0) {
        refused(fmt::format("cannot mount on {}", folder));
    }
}

void bring_loopback_up() {
    const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    if (!socket || ioctl(socket.get(), SIOCGIFFLAGS, &request) != 0) {
        refused("cannot see the loopback interface");
    }
    request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
    if (ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) {
        refused("cannot bring the loopback interface up");
    }
}

} // namespace

void isolate(const DaemonPlan& plan, Isolation isolation) {
    if (isolation == Isolation::none) {
        return;
    }
    if (isolation == Isolation::user_namespaces) {
        map_user(plan.user, plan.group);
    }
    if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
        refused("cannot make mounts private");
    }
    // The daemon's pid file and socket are under /run: it must not touch those of the system's daemon.
    cover("/run");
    for (const std::string& bundle : plan.host.usb_bundles) {
        cover(bundle);
    }
    if (plan.readers.on_ports) {
        bring_loopback_up();
    }
}

} // namespace cardrig::harness
