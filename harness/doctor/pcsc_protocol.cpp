#include "harness/doctor/check.h"
#include "harness/rig/folder.h"
#include "harness/rig/unique_fd.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>
#include <winscard.h>

namespace cardrig::harness {

namespace {

constexpr int limit_ms = 5000;

/// What the library says first, in the host's byte order (pcsc-lite's winscard_msg.h): a header of the body's
/// size and the command's number, then the version.
struct Greeting {
    std::uint32_t size = 0;
    std::uint32_t command = 0;
    std::int32_t major = 0;
    std::int32_t minor = 0;
    std::uint32_t result = 0;
};
constexpr std::uint32_t command_version = 0x11;

[[noreturn]] void become_client(const std::string& path) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setenv("PCSCLITE_CSOCK_NAME", path.c_str(), 1);
    SCARDCONTEXT context = 0;
    SCardEstablishContext(SCARD_SCOPE_SYSTEM, nullptr, nullptr, &context);
    _exit(0);
}

std::string greeting_at(int listener) {
    pollfd wait{listener, POLLIN, 0};
    if (poll(&wait, 1, limit_ms) <= 0) {
        return {};
    }
    const UniqueFd connection(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    wait = {connection.get(), POLLIN, 0};
    Greeting greeting;
    // Local sockets bring what one write sent, and the library sends this much at once or in two parts.
    auto* const bytes = reinterpret_cast<std::uint8_t*>(&greeting);
    for (std::size_t got = 0; got < sizeof greeting;) {
        const ssize_t count =
            poll(&wait, 1, limit_ms) > 0 ? recv(connection.get(), bytes + got, sizeof greeting - got, 0) : -1;
        if (count <= 0) {
            return {};
        }
        got += static_cast<std::size_t>(count);
    }
    return greeting.command == command_version ? fmt::format("{}:{}", greeting.major, greeting.minor)
                                               : std::string();
}

} // namespace

std::string pcsc_protocol() {
    const std::string folder = rig_folder();
    make_rig_folder(folder);
    const std::string path = folder + "/protocol";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    UniqueFd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    std::string protocol;
    if (listener && bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
        listen(listener.get(), 1) == 0) {
        const pid_t client = fork();
        if (client == 0) {
            become_client(path);
        }
        if (client > 0) {
            protocol = greeting_at(listener.get());
            listener.reset(); // nobody answers: the client is ended, whatever it waits for
            kill(client, SIGKILL);
            while (waitpid(client, nullptr, 0) < 0 && errno == EINTR) {
            }
        }
    }
    remove_folder(folder);
    return protocol;
}

} // namespace cardrig::harness
