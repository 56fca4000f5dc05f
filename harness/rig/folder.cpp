#include "harness/rig/folder.h"

#include "harness/errors.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <random>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t longest_parent = 60;

/// What pcscd's configuration takes for one word.
bool can_be_configured(const std::string& path) {
    return std::all_of(path.begin(), path.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("/-._@").find(c) != std::string_view::npos;
    });
}

std::string parent_folder() {
    const char* const given = std::getenv("TMPDIR");
    if (given == nullptr || *given == '\0') {
        return "/tmp";
    }
    std::error_code error;
    const std::string path = fs::canonical(given, error).string();
    const bool hidden = path == "/run" || path.starts_with("/run/");
    if (error || path.size() > longest_parent || hidden || !can_be_configured(path) ||
        access(path.c_str(), W_OK | X_OK) != 0) {
        return "/tmp";
    }
    return path;
}

std::uint64_t random_number() {
    std::random_device random;
    return std::uint64_t{random()} << 32U | random();
}

} // namespace

std::string rig_folder() {
    static const std::uint64_t token = random_number();
    static const std::string parent = parent_folder();
    return fmt::format("{}/cardrig-{}-{:016x}", parent, getpid(), token);
}

void make_rig_folder(const std::string& path) {
    if (mkdir(path.c_str(), 0700) != 0) {
        throw HostError(
            errno == EEXIST
                ? std::string("there is a rig in this process already: a process can have one at a time")
                : fmt::format("cannot make the folder {}: {}", path, std::strerror(errno)));
    }
}

void remove_folder(const std::string& path) {
    std::error_code error;
    if (fs::remove_all(path, error) != static_cast<std::uintmax_t>(-1)) {
        return;
    }
    // A client may have left folders that cannot be listed: open them all, then try again.
    const auto options = fs::directory_options::skip_permission_denied;
    for (int depth = 0; depth < 64 && fs::exists(path, error); ++depth) {
        fs::permissions(path, fs::perms::owner_all, error);
        for (fs::recursive_directory_iterator entry(path, options, error), end; entry != end;
             entry.increment(error)) {
            std::error_code ignored;
            if (entry->symlink_status(ignored).type() == fs::file_type::directory) {
                fs::permissions(entry->path(), fs::perms::owner_all, ignored);
            }
        }
        fs::remove_all(path, error);
    }
}

} // namespace cardrig::harness
