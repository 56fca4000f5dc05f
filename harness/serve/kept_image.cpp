#include "harness/serve/kept_image.h"

#include "harness/errors.h"
#include "harness/files.h"
#include "harness/rig/unique_fd.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

namespace fs = std::filesystem;

void check_kind(const std::string& path, const fs::file_status& status) {
    if (fs::is_directory(status)) {
        throw RequestError(fmt::format("--image {}: it is a folder", path));
    }
    // A pipe's reader may never come, and nobody could end us while we wait for him.
    if (fs::exists(status) && !fs::is_regular_file(status) && !fs::is_character_file(status)) {
        throw RequestError(fmt::format("--image {}: a card is saved in a file, and this is none", path));
    }
    std::error_code error;
    if (fs::is_regular_file(status) && fs::file_size(path, error) != 0 &&
        !emulator::CardImage::begins_like_one(read_file(path))) {
        throw RequestError(fmt::format(
            "--image {}: this file is no card image, and would be overwritten; remove it first", path));
    }
}

/// None where no new file can be made, or be written, in the folder.
std::optional<std::string> write_new_file(const std::string& folder, apdu::ByteView bytes) {
    constexpr std::string_view ending = ".card";
    std::string path = fmt::format("{}/cardrig-serve-XXXXXX{}", folder, ending);
    UniqueFd file(::mkostemps(path.data(), ending.size(), O_CLOEXEC));
    if (!file) {
        return std::nullopt;
    }
    if (!write_all(file.get(), bytes) || ::fsync(file.get()) != 0 || ::close(file.release()) != 0) {
        const int error = errno;
        ::unlink(path.c_str());
        errno = error;
        return std::nullopt;
    }
    return path;
}

/// The card has changed, and exists nowhere else.
std::optional<std::string> write_elsewhere(apdu::ByteView bytes) {
    if (const char* const given = std::getenv("TMPDIR"); given != nullptr && *given != '\0') {
        if (auto path = write_new_file(given, bytes)) {
            return path;
        }
    }
    return write_new_file("/tmp", bytes);
}

} // namespace

KeptImage::KeptImage(std::string path) : path_(std::move(path)), before_(state_of(path_)) {
    std::error_code error;
    const fs::file_status status = fs::status(path_, error);
    check_kind(path_, status);
    const fs::path folder = fs::absolute(path_).parent_path();
    if (!fs::is_character_file(status) && access(folder.c_str(), W_OK | X_OK) != 0) {
        throw RequestError(
            fmt::format("--image {}: cannot write in {}: {}", path_, folder.string(), std::strerror(errno)));
    }
}

/// None for what is no file, which nobody changes.
std::optional<KeptImage::State> KeptImage::state_of(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) {
        return std::nullopt;
    }
    return State{status.st_dev, status.st_ino, status.st_size, status.st_mtim};
}

/// A file that is gone meanwhile holds nothing that could be lost.
bool KeptImage::has_changed() const {
    const std::optional<State> now = state_of(path_);
    if (!now) {
        return false;
    }
    return !before_ || now->device != before_->device || now->number != before_->number ||
           now->size != before_->size || now->changed.tv_sec != before_->changed.tv_sec ||
           now->changed.tv_nsec != before_->changed.tv_nsec;
}

void KeptImage::save(const emulator::CardImage& image) const {
    const apdu::Bytes bytes = image.serialize();
    std::string trouble;
    if (has_changed()) {
        trouble =
            fmt::format("{}: somebody else has changed this file meanwhile, and it is left to him", path_);
    } else {
        try {
            write_file(path_, bytes);
            return;
        } catch (const RequestError& error) {
            trouble = error.what();
        }
    }
    const std::optional<std::string> refuge = write_elsewhere(bytes);
    if (!refuge) {
        throw RequestError(fmt::format("{}; nor can the card be saved in a temporary folder ({}): it is lost",
                                       trouble, std::strerror(errno)));
    }
    throw RequestError(fmt::format("{}; the card is in {} instead of {}", trouble, *refuge, path_));
}

} // namespace cardrig::harness
