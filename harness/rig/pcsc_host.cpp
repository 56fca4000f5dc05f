#include "harness/rig/pcsc_host.h"

#include "harness/errors.h"
#include "harness/rig/program_output.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <string_view>
#include <unistd.h>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view daemon_package = "install the package pcscd";
constexpr std::string_view driver_package = "install the package vsmartcard-vpcd";

/// Where the daemon looks for USB drivers: it says so itself ("... usbdropdir=/usr/lib/pcsc/drivers ...").
std::string driver_folder(const std::string& version) {
    constexpr std::string_view key = "usbdropdir=";
    const std::size_t at = version.find(key);
    if (at == std::string::npos) {
        return "/usr/lib/pcsc/drivers";
    }
    const std::size_t begin = at + key.size();
    return version.substr(begin, version.find_first_of(" \t\n", begin) - begin);
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

std::string find_pcscd() {
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

std::string find_vpcd(const std::string& drivers) {
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

PcscHost find_pcsc_host(const std::function<void()>& keep_waiting) {
    PcscHost host;
    host.daemon = find_pcscd();
    const std::vector<std::string> told =
        program_outputs({{host.daemon, "--version"}, {host.daemon, "--help"}}, keep_waiting);
    host.drivers = driver_folder(told[0]);
    host.usb_bundles = find_bundles(host.drivers);
    host.knows_disable_polkit = told[1].find("--disable-polkit") != std::string::npos;
    return host;
}

} // namespace cardrig::harness
