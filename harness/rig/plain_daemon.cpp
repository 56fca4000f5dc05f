#include "harness/rig/plain_daemon.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <unistd.h>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

namespace fs = std::filesystem;

std::string read_text(const fs::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

bool usb_devices_can_be_opened() {
    std::error_code error;
    for (const auto& entry : fs::recursive_directory_iterator("/dev/bus/usb", error)) {
        if (entry.is_character_file(error) && access(entry.path().c_str(), W_OK) == 0) {
            return true;
        }
    }
    return false;
}

bool can_be_used(const fs::path& folder) {
    std::error_code error;
    if (fs::exists(folder, error)) {
        return true;
    }
    return access(folder.parent_path().c_str(), W_OK) == 0;
}

} // namespace

bool somebody_elses_daemon_runs() {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator("/proc", error)) {
        if (read_text(entry.path() / "comm") != "pcscd\n") {
            continue;
        }
        // A process has no words while it begins or once it has ended: no daemon that could be disturbed.
        const std::string words = read_text(entry.path() / "cmdline");
        if (!words.empty() && words.find("/cardrig-") == std::string::npos) {
            return true;
        }
    }
    return false;
}

std::string harm_of_plain_daemon(const DaemonPlan& plan) {
    // As root it would overwrite, and at its end delete, the other daemon's pid file.
    if (plan.user == 0 && somebody_elses_daemon_runs()) {
        return "a private pcscd would disturb the pcscd that runs already: stop that one, or run cardrig as "
               "an ordinary user";
    }
    if (!can_be_used("/run/pcscd")) {
        return "pcscd needs the folder /run/pcscd, which does not exist: let root make it";
    }
    if (!plan.host.usb_bundles.empty() && usb_devices_can_be_opened()) {
        return fmt::format("a private pcscd would take hold of this host's own readers: remove {} first",
                           plan.host.usb_bundles.front());
    }
    return {};
}

} // namespace cardrig::harness
