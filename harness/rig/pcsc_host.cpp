#include "harness/rig/pcsc_host.h"

#include "harness/errors.h"
#include "harness/rig/unique_fd.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <poll.h>
#include <sstream>
#include <string_view>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

namespace fs = std::filesystem;

/// Generous: it answers in milliseconds.
constexpr std::chrono::seconds probe_limit{10};
constexpr int probe_slice_ms = 100;
constexpr std::size_t longest_probe = 1UL << 20U;
constexpr std::string_view daemon_package = "install the package pcscd";
constexpr std::string_view driver_package = "install the package vsmartcard-vpcd";

std::string find_daemon() {
    if (const char* const given = std::getenv("CARDRIG_PCSCD"); given != nullptr && *given != '\0') {
        if (access(given, X_OK) != 0) {
            throw HostError(
                fmt::format("cannot run {}, which CARDRIG_PCSCD names: {}; correct it, or unset it and {}",
                            given, std::strerror(errno), daemon_package));
        }
        return fs::absolute(given).string();
    }
    const char* const path = std::getenv("PATH");
    // Daemons live in folders that an ordinary user's PATH lacks.
    std::istringstream folders(std::string(path == nullptr ? "" : path) + ":/usr/local/sbin:/usr/sbin:/sbin");
    std::string folder;
    while (std::getline(folders, folder, ':')) {
        const std::string candidate = folder + "/pcscd";
        std::error_code unreadable; // root's folders on an ordinary user's PATH
        if (folder.starts_with('/') && fs::is_regular_file(candidate, unreadable) &&
            access(candidate.c_str(), X_OK) == 0) {
            return candidate;
        }
    }
    throw HostError(fmt::format("pcscd, the PC/SC daemon, is not installed: {}", daemon_package));
}

/// Ended and reaped with its owner.
class Child final {
public:
    explicit Child(pid_t process) : process_(process) {}
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() {
        kill(process_, SIGKILL);
        while (waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
        }
    }

private:
    pid_t process_;
};

/// In the new process: only what is allowed after a fork of a process with threads.
[[noreturn]] void become_probe(const std::array<const char*, 3>& argv, int output, pid_t parent) {
    sigset_t none;
    sigemptyset(&none);
    for (int signal = 1; signal < NSIG; ++signal) {
        std::signal(signal, SIG_DFL);
    }
    sigprocmask(SIG_SETMASK, &none, nullptr);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (getppid() == parent && null >= 0 && dup2(null, STDIN_FILENO) >= 0 &&
        dup2(output, STDOUT_FILENO) >= 0 && dup2(output, STDERR_FILENO) >= 0) {
        execv(argv[0], const_cast<char**>(argv.data()));
    }
    _exit(127);
}

std::string read_to_end(int fd, const std::string& asked, const std::function<void()>& keep_waiting) {
    const auto until = std::chrono::steady_clock::now() + probe_limit;
    std::string text;
    std::array<char, 4096> buffer{};
    while (true) {
        pollfd wait{fd, POLLIN, 0};
        if (poll(&wait, 1, probe_slice_ms) > 0) {
            const ssize_t count = read(fd, buffer.data(), buffer.size());
            if (count == 0 || (count < 0 && errno != EINTR)) {
                return text;
            }
            text.append(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
        }
        keep_waiting();
        if (std::chrono::steady_clock::now() >= until || text.size() > longest_probe) {
            throw HostError(
                fmt::format("`{}` does not come to an end within {} s", asked, probe_limit.count()));
        }
    }
}

/// What a program prints about itself.
std::string output_of(const std::string& program, const char* option,
                      const std::function<void()>& keep_waiting) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) {
        throw HostError(fmt::format("cannot make a pipe: {}", std::strerror(errno)));
    }
    const UniqueFd read_end(ends[0]);
    UniqueFd write_end(ends[1]);
    const std::array<const char*, 3> argv{program.c_str(), option, nullptr};
    const pid_t parent = getpid();
    const pid_t process = fork();
    if (process < 0) {
        throw HostError(fmt::format("cannot make a process: {}", std::strerror(errno)));
    }
    if (process == 0) {
        become_probe(argv, write_end.get(), parent);
    }
    const Child child(process);
    write_end.reset();
    return read_to_end(read_end.get(), fmt::format("{} {}", program, option), keep_waiting);
}

/// Where the daemon looks for USB drivers: it says so itself ("... usbdropdir=/usr/lib/pcsc/drivers ...").
std::string driver_folder(const std::string& daemon, const std::function<void()>& keep_waiting) {
    const std::string version = output_of(daemon, "--version", keep_waiting);
    constexpr std::string_view key = "usbdropdir=";
    const std::size_t at = version.find(key);
    if (at == std::string::npos) {
        return "/usr/lib/pcsc/drivers";
    }
    const std::size_t begin = at + key.size();
    return version.substr(begin, version.find_first_of(" \t\n", begin) - begin);
}

std::string find_driver(const std::string& drivers) {
    if (const char* const given = std::getenv("CARDRIG_VPCD"); given != nullptr && *given != '\0') {
        if (access(given, R_OK) != 0) {
            throw HostError(
                fmt::format("cannot read {}, which CARDRIG_VPCD names: {}; correct it, or unset it and {}",
                            given, std::strerror(errno), driver_package));
        }
        return fs::absolute(given).string();
    }
    for (const std::string& folder :
         {drivers, std::string("/usr/lib/pcsc/drivers"), std::string("/usr/local/lib/pcsc/drivers")}) {
        const std::string candidate = folder + "/serial/libifdvpcd.so";
        if (access(candidate.c_str(), R_OK) == 0) {
            return candidate;
        }
    }
    throw HostError(
        fmt::format("vpcd, the driver for virtual readers, is not installed (no {}/serial/libifdvpcd.so): {}",
                    drivers, driver_package));
}

std::vector<std::string> find_bundles(const std::string& drivers) {
    std::vector<std::string> bundles;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(drivers, error)) {
        if (entry.path().extension() == ".bundle" && entry.is_directory(error)) {
            bundles.push_back(entry.path().string());
        }
    }
    std::sort(bundles.begin(), bundles.end());
    return bundles;
}

} // namespace

PcscHost find_pcsc_host(const std::function<void()>& keep_waiting) {
    PcscHost host;
    host.daemon = find_daemon();
    const std::string drivers = driver_folder(host.daemon, keep_waiting);
    host.driver = find_driver(drivers);
    host.usb_bundles = find_bundles(drivers);
    host.knows_disable_polkit =
        output_of(host.daemon, "--help", keep_waiting).find("--disable-polkit") != std::string::npos;
    return host;
}

} // namespace cardrig::harness
