#include "harness/hand/control_socket.h"

#include "harness/errors.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

constexpr int waiting_connections = 16;
constexpr mode_t owner_only = 0600;

std::optional<sockaddr_un> address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path || path.find('\0') != std::string::npos) {
        return std::nullopt;
    }
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    return address;
}

UniqueFd unix_socket(int flags) {
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
    if (!socket) {
        throw HostError(fmt::format("cannot make a socket: {}", std::strerror(errno)));
    }
    return socket;
}

/// The last error of connecting, 0 where somebody answers.
int try_to_connect(int socket, const sockaddr_un& address) {
    return connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
}

/// Throws where it is anything else than what a rig of this user's left behind when it was killed.
void remove_dead(const std::string& path, const sockaddr_un& address, int folder) {
    // Else the socket of another one, who has just replaced the same dead one, might be removed. Without
    // waiting: anybody who can read the folder can lock it.
    const UniqueFd locked(openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!locked || flock(locked.get(), LOCK_EX | LOCK_NB) != 0) {
        throw RequestError(fmt::format("{}: there is a dead socket, and its folder is locked by somebody who "
                                       "may be replacing it just now: try again, or remove it",
                                       path));
    }
    struct stat found {};
    if (lstat(path.c_str(), &found) != 0) {
        return; // gone meanwhile
    }
    if (!S_ISSOCK(found.st_mode)) {
        throw RequestError(fmt::format("{}: there is a file already, which is no control socket", path));
    }
    if (found.st_uid != geteuid()) {
        throw RequestError(fmt::format("{}: there is a socket of another user's already", path));
    }
    // Without waiting: a socket whose owner accepts no more is alive.
    if (try_to_connect(unix_socket(SOCK_NONBLOCK).get(), address) != ECONNREFUSED) {
        throw RequestError(fmt::format("{}: somebody listens there already", path));
    }
    unlink(path.c_str());
}

/// A socket that listens, in a folder that is open, by a name that nobody else looks for; removed at the end.
class Unnamed final {
public:
    Unnamed(int socket, int folder)
        : folder_(folder), name_(fmt::format(".cardrig-{}-{}", getpid(), socket)) {
        // Through the descriptor: there may be no room for this name where there is for the socket's.
        const auto address = address_of(fmt::format("/proc/self/fd/{}/{}", folder, name_));
        unlinkat(folder_, name_.c_str(), 0); // of a process of the same number that was killed just here
        made_ = bind(socket, reinterpret_cast<const sockaddr*>(&*address), sizeof *address) == 0 &&
                listen(socket, waiting_connections) == 0;
        error_ = errno;
    }
    Unnamed(const Unnamed&) = delete;
    Unnamed& operator=(const Unnamed&) = delete;
    ~Unnamed() { unlinkat(folder_, name_.c_str(), 0); }

    /// False, and errno says why.
    [[nodiscard]] bool named(const std::string& path) const {
        errno = error_;
        return made_ && linkat(folder_, name_.c_str(), AT_FDCWD, path.c_str(), 0) == 0;
    }

private:
    int folder_;
    std::string name_;
    bool made_ = false;
    int error_ = 0;
};

/// Notices what comes into a folder, from the moment that it is made.
class FolderWatch final {
public:
    explicit FolderWatch(const std::string& folder) : events_(inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
        if (!events_ || inotify_add_watch(events_.get(), folder.c_str(), IN_CREATE | IN_MOVED_TO) < 0) {
            throw HostError(
                fmt::format("cannot wait for anything to come into {}: {}", folder, std::strerror(errno)));
        }
    }

    void wait_until(std::chrono::steady_clock::time_point until) const {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
        pollfd wait{events_.get(), POLLIN, 0};
        poll(&wait, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
        std::array<char, 4096> passed{}; // what came is looked at by whoever waits
        while (read(events_.get(), passed.data(), passed.size()) > 0) {
        }
    }

private:
    UniqueFd events_;
};

} // namespace

ControlSocket::ControlSocket(std::string path) : path_(std::move(path)) {
    std::error_code error;
    path_ = std::filesystem::absolute(path_, error).string();
    const auto address = address_of(path_);
    if (error || !address) {
        throw RequestError(fmt::format("{}: no path that a socket can have, of at most {} bytes", path_,
                                       sizeof sockaddr_un{}.sun_path - 1));
    }
    socket_ = unix_socket(SOCK_NONBLOCK);
    // The file gets the socket's own mode: there is no moment at which others could connect.
    if (fchmod(socket_.get(), owner_only) != 0) {
        throw HostError(
            fmt::format("{}: cannot keep a socket to its owner: {}", path_, std::strerror(errno)));
    }
    const std::string parent = std::filesystem::path(path_).parent_path().string();
    const UniqueFd folder(open(parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!folder) {
        throw HostError(fmt::format("{}: cannot make a socket there: {}", path_, std::strerror(errno)));
    }
    // It listens before it has its name: nobody can find it there and take it for a dead one.
    const Unnamed unnamed(socket_.get(), folder.get());
    bool named = unnamed.named(path_);
    if (!named && errno == EEXIST) {
        remove_dead(path_, *address, folder.get());
        named = unnamed.named(path_);
        if (!named && errno == EEXIST) {
            throw RequestError(fmt::format("{}: somebody else has just taken that place", path_));
        }
    }
    struct stat made {};
    if (!named || lstat(path_.c_str(), &made) != 0) {
        throw HostError(fmt::format("{}: cannot make a socket there: {}", path_, std::strerror(errno)));
    }
    device_ = made.st_dev;
    number_ = made.st_ino;
}

ControlSocket::~ControlSocket() {
    struct stat found {};
    if (lstat(path_.c_str(), &found) == 0 && found.st_dev == device_ && found.st_ino == number_) {
        unlink(path_.c_str());
    }
}

UniqueFd connect_to_control(const std::string& path, std::chrono::milliseconds limit) {
    const auto until = std::chrono::steady_clock::now() + limit;
    const auto address = address_of(path);
    if (!address) {
        throw HostError(fmt::format("no rig is at {}: no socket can have that path", path));
    }
    std::optional<FolderWatch> watch;
    while (true) {
        UniqueFd socket = unix_socket(0);
        const int error = try_to_connect(socket.get(), *address);
        if (error == 0) {
            return socket;
        }
        const bool may_come = error == ENOENT || error == ECONNREFUSED; // refused: what a killed one left
        if (!may_come || std::chrono::steady_clock::now() >= until) {
            throw HostError(fmt::format("no rig is at {}: {}", path, std::strerror(error)));
        }
        if (watch) {
            watch->wait_until(until);
        } else { // and once more: what has come meanwhile is not told
            watch.emplace(std::filesystem::absolute(path).parent_path().string());
        }
    }
}

} // namespace cardrig::harness
