#include "harness/files.h"

#include "harness/errors.h"
#include "harness/rig/unique_fd.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

/// Nothing that the rig reads is near this; /dev/zero is beyond it.
constexpr std::size_t largest_file = 256UL << 20U;

std::string reason(int error) {
    return std::generic_category().message(error);
}

/// False with errno set where the system could not keep what was written.
bool close_file(UniqueFd& file) {
    return ::close(file.release()) == 0;
}

std::string folder_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) {
        return ".";
    }
    return slash == 0 ? "/" : path.substr(0, slash);
}

/// The rename itself lasts only when the folder is on the disk too. Some file systems refuse to sync a
/// folder; the file's content is safe all the same.
void sync_folder(const std::string& folder) {
    const UniqueFd descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (descriptor) {
        ::fsync(descriptor.get());
    }
}

/// Where a symbolic link leads, so that the link stays one; else the path itself.
std::string link_target(const std::string& path) {
    const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
    return real == nullptr ? path : std::string(real.get());
}

/// Devices and pipes (/dev/stdout) are written to, never replaced.
void write_special(const std::string& path, const struct stat& status, apdu::ByteView bytes) {
    if (S_ISDIR(status.st_mode)) {
        throw RequestError(fmt::format("cannot write {}: it is a folder", path));
    }
    UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!file || !write_all(file.get(), bytes) || !close_file(file)) {
        throw RequestError(fmt::format("cannot write {}: {}", path, reason(errno)));
    }
}

} // namespace

apdu::Bytes read_file(const std::string& path) {
    const auto fail = [&](int error) {
        throw RequestError(fmt::format("cannot read {}: {}", path, reason(error)));
    };
    const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) {
        fail(errno);
    }
    apdu::Bytes bytes;
    apdu::Bytes block(64UL * 1024);
    for (;;) {
        const ssize_t count = ::read(file.get(), block.data(), block.size());
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            fail(errno);
        }
        if (count == 0) {
            return bytes;
        }
        if (bytes.size() + static_cast<std::size_t>(count) > largest_file) {
            throw RequestError(
                fmt::format("cannot read {}: it has more than {} MiB", path, largest_file >> 20U));
        }
        bytes.insert(bytes.end(), block.begin(), block.begin() + count);
    }
}

bool same_file(const std::string& path, const std::string& other) {
    if (path.empty() || other.empty()) {
        return false; // no file at all
    }
    struct stat first = {};
    struct stat second = {};
    const bool first_there = ::stat(path.c_str(), &first) == 0;
    const bool second_there = ::stat(other.c_str(), &second) == 0;
    if (first_there && second_there) {
        return S_ISREG(first.st_mode) && first.st_dev == second.st_dev && first.st_ino == second.st_ino;
    }
    std::error_code error;
    std::error_code other_error;
    const auto place = std::filesystem::weakly_canonical(std::filesystem::absolute(path), error);
    const auto other_place = std::filesystem::weakly_canonical(std::filesystem::absolute(other), other_error);
    return first_there == second_there && !error && !other_error && place == other_place;
}

bool write_all(int descriptor, apdu::ByteView bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return false;
        }
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return true;
}

void write_file(const std::string& path, apdu::ByteView bytes) {
    const auto fail = [&](int error) {
        throw RequestError(fmt::format("cannot write {}: {}", path, reason(error)));
    };
    const std::string target = link_target(path);
    struct stat existing = {};
    if (::stat(target.c_str(), &existing) == 0 && !S_ISREG(existing.st_mode)) {
        write_special(path, existing, bytes);
        return;
    }
    std::string temporary = target + ".XXXXXX";
    UniqueFd file(::mkostemp(temporary.data(), O_CLOEXEC)); // made with mode 0600
    if (!file) {
        fail(errno);
    }
    const bool kept = write_all(file.get(), bytes) && ::fsync(file.get()) == 0 && close_file(file) &&
                      ::rename(temporary.c_str(), target.c_str()) == 0;
    if (!kept) {
        const int error = errno;
        ::unlink(temporary.c_str());
        fail(error);
    }
    sync_folder(folder_of(target));
}

void write_file(const std::string& path, std::string_view text) {
    write_file(path, apdu::ByteView(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

} // namespace cardrig::harness
