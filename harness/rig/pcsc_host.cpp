#include "harness/rig/pcsc_host.h"

#include "harness/errors.h"
#include "harness/rig/unique_fd.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <spawn.h>
#include <sstream>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

namespace fs = std::filesystem;

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

std::string read_to_end(int fd) {
    std::string text;
    std::array<char, 4096> buffer{};
    ssize_t count = 0;
    while ((count = read(fd, buffer.data(), buffer.size())) > 0 || (count < 0 && errno == EINTR)) {
        if (count > 0) {
            text.append(buffer.data(), static_cast<std::size_t>(count));
        }
    }
    return text;
}

/// What a program prints about itself.
std::string output_of(const std::string& program, const std::string& option) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) {
        throw HostError(fmt::format("cannot make a pipe: {}", std::strerror(errno)));
    }
    const UniqueFd read_end(ends[0]);
    UniqueFd write_end(ends[1]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, write_end.get(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, write_end.get(), STDERR_FILENO);
    std::array<char*, 3> argv{const_cast<char*>(program.c_str()), const_cast<char*>(option.c_str()), nullptr};
    pid_t child = 0;
    const int failed = posix_spawn(&child, program.c_str(), &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) {
        throw HostError(fmt::format("cannot run {}: {}", program, std::strerror(failed)));
    }
    write_end.reset();
    std::string text = read_to_end(read_end.get());
    while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
    return text;
}

/// Where the daemon looks for USB drivers: it says so itself ("... usbdropdir=/usr/lib/pcsc/drivers ...").
std::string driver_folder(const std::string& daemon) {
    const std::string version = output_of(daemon, "--version");
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

PcscHost find_pcsc_host() {
    PcscHost host;
    host.daemon = find_daemon();
    const std::string drivers = driver_folder(host.daemon);
    host.driver = find_driver(drivers);
    host.usb_bundles = find_bundles(drivers);
    host.knows_disable_polkit =
        output_of(host.daemon, "--help").find("--disable-polkit") != std::string::npos;
    return host;
}

} // namespace cardrig::harness
