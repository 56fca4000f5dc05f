#include "harness/doctor/check.h"
#include "harness/errors.h"
#include "harness/key_cache.h"
#include "harness/rig/pcsc_host.h"
#include "harness/rig/plain_daemon.h"
#include "harness/rig/ports.h"
#include "harness/rig/unique_fd.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>

#include <netinet/in.h>
#include <sched.h>
#include <sstream>
#include <string>
#include <string_view>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace cardrig::harness {

namespace {

namespace fs = std::filesystem;

/// What a new process gets from `attempt`: 0, or the errno that it ended with.
int try_in_process(const std::function<bool()>& attempt) {
    const pid_t process = fork();
    if (process < 0) {
        return errno;
    }
    if (process == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        errno = 0;
        _exit(attempt() ? 0 : std::max(errno, 1));
    }
    int status = 0;
    while (waitpid(process, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : ECANCELED;
}

Check check_namespace(const char* name, int flags, const char* means) {
    const int for_others = geteuid() == 0 ? 0 : CLONE_NEWUSER;
    const int error = try_in_process([&] { return unshare(flags | for_others) == 0; });
    Check check{name, CheckState::ok, "can be made", means, {}, false};
    if (error != 0) {
        check.state = CheckState::limited;
        check.found = fmt::format("refused: {}", std::strerror(error));
    }
    return check;
}

void add_namespaces(Checks& checks) {
    constexpr const char* plainly =
        "run, exec: keeps the private daemon to itself; without, it runs plainly where that harms nobody";
    checks.push_back(check_namespace("user-namespace", CLONE_NEWUSER,
                                     "run, exec: what ordinary users need for the other namespaces"));
    checks.push_back(check_namespace("mount-namespace", CLONE_NEWNS, plainly));
    checks.push_back(check_namespace("net-namespace", CLONE_NEWNET, plainly));
    checks.push_back(check_namespace("pid-namespace", CLONE_NEWPID, plainly));
}

/// In namespaces, /run is covered by a folder of the daemon's own; else /run/pcscd has to be there.
Check check_run_folder() {
    Check check{"run-folder",
                CheckState::ok,
                "/run can be covered for the private daemon",
                "run, exec: the daemon has its files there",
                {},
                false};
    const int for_others = geteuid() == 0 ? 0 : CLONE_NEWUSER;
    const int error = try_in_process([&] {
        return unshare(CLONE_NEWNS | for_others) == 0 &&
               mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
               mount("none", "/run", "tmpfs", 0, "size=1m") == 0;
    });
    if (error == 0) {
        return check;
    }
    const bool usable = fs::exists("/run/pcscd") || access("/run", W_OK) == 0;
    check.state = usable ? CheckState::limited : CheckState::missing;
    check.found = fmt::format("/run cannot be covered ({}), and /run/pcscd {}", std::strerror(error),
                              usable ? "can be used" : "does not exist: let root make it");
    return check;
}

/// Whether a table of the kernel's TCP sockets (proc(5): the local address as hexadecimal ADDRESS:PORT
/// second, the state fourth) has a listener at the port.
bool lists_listener(const char* table, std::uint16_t port) {
    constexpr std::string_view listening = "0A";
    const std::string wanted = fmt::format(":{:04X}", port);
    std::ifstream lines(table);
    std::string line;
    while (std::getline(lines, line)) {
        std::istringstream words(line);
        std::string number;
        std::string local;
        std::string remote;
        std::string state;
        words >> number >> local >> remote >> state;
        if (state == listening && local.ends_with(wanted)) {
            return true;
        }
    }
    return false;
}

/// Looked up rather than tried: vpcd would take a connection for a card, and keep it until the card that is
/// in leaves.
bool somebody_listens(std::uint16_t port) {
    return lists_listener("/proc/net/tcp", port) || lists_listener("/proc/net/tcp6", port);
}

/// A port that a daemon could have: vpcd listens on all addresses. Not listened at, lest a card be put into
/// it.
int cannot_bind(std::uint16_t port) {
    const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    static_cast<void>(setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    const bool bound =
        socket && bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    return bound ? 0 : errno;
}

Check check_ports() {
    Check check{"vpcd-ports",
                CheckState::ok,
                {},
                "serve: the ports of a vpcd that runs outside of any rig; run and exec do not need them",
                {},
                false};
    const std::uint16_t first = PortPair::usual().first();
    std::vector<std::string> words;
    for (const std::uint16_t port : {first, static_cast<std::uint16_t>(first + 1)}) {
        if (somebody_listens(port)) {
            words.push_back(fmt::format("{}: somebody listens, as a vpcd does", port));
        } else if (const int error = cannot_bind(port); error != 0) {
            check.state = CheckState::limited;
            words.push_back(fmt::format("{}: taken ({})", port, std::strerror(error)));
        } else {
            words.push_back(fmt::format("{}: free, so serve would wait for a vpcd", port));
        }
    }
    check.found = fmt::format("{}", fmt::join(words, "; "));
    return check;
}

Check check_system_daemon() {
    Check check{
        "system-pcscd", CheckState::ok, "none runs", "serve: puts cards into its vpcd, if it has one", {},
        false};
    if (somebody_elses_daemon_runs()) {
        check.found = "one runs";
        if (geteuid() == 0) {
            check.means += "; beside it, run and exec need namespaces";
        }
    }
    return check;
}

Check check_usb(const std::function<void()>& keep_waiting) {
    Check check{"usb", CheckState::ok, {}, "run, exec: the private daemon must not take this host's readers",
                {},    false};
    std::size_t devices = 0;
    std::error_code error;
    for (const auto& entry : fs::recursive_directory_iterator("/dev/bus/usb", error)) {
        devices += entry.is_character_file(error) ? 1U : 0U;
    }
    std::vector<std::string> bundles;
    try {
        bundles = find_pcsc_host(keep_waiting).usb_bundles;
    } catch (const HostError&) {
        check.found = "where drivers would be is not known; "; // the lines about them say why
    }
    check.found += fmt::format(
        "{} devices in /dev/bus/usb; {}", devices,
        bundles.empty() ? std::string("no USB drivers")
                        : fmt::format("{}, hidden from the private daemon", fmt::join(bundles, ", ")));
    return check;
}

/// Its first part that exists must be ours, or let us make the rest.
Check check_key_cache() {
    Check check{"key-cache", CheckState::ok,
                {},          "run, exec, serve, card: test keys are made once and kept here",
                {},          false};
    const auto folder = default_key_cache_folder();
    if (!folder) {
        check.state = CheckState::limited;
        check.found = "there is no folder of this user's own (HOME, XDG_CACHE_HOME): keys are made each time";
        return check;
    }
    struct stat status {};
    if (stat(folder->c_str(), &status) == 0) {
        const bool ours =
            S_ISDIR(status.st_mode) && status.st_uid == geteuid() && (status.st_mode & 0077) == 0;
        check.found = folder->string();
        if (!ours || access(folder->c_str(), W_OK | X_OK) != 0) {
            check.state = CheckState::limited;
            check.found += " is not private to this user, and so not used: chmod 700 it";
        }
        return check;
    }
    fs::path parent = *folder;
    std::error_code error;
    while (!fs::exists(parent, error) && parent.has_relative_path()) {
        parent = parent.parent_path();
    }
    const bool can_be_made = access(parent.c_str(), W_OK | X_OK) == 0;
    check.state = can_be_made ? CheckState::ok : CheckState::limited;
    check.found = fmt::format("{} {}", folder->string(),
                              can_be_made ? "will be made" : "cannot be made: keys are made each time");
    return check;
}

} // namespace

Checks check_host(const std::function<void()>& keep_waiting) {
    Checks checks;
    add_namespaces(checks);
    checks.push_back(check_run_folder());
    checks.push_back(check_system_daemon());
    checks.push_back(check_ports());
    checks.push_back(check_usb(keep_waiting));
    checks.push_back(check_key_cache());
    return checks;
}

} // namespace cardrig::harness
