#include "harness/key_cache.h"

#include "emulator/key_generation.h"
#include "harness/files.h"
#include "harness/rig/unique_fd.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

namespace cardrig::harness {

namespace {

using apdu::Bytes;
using apdu::ByteView;

constexpr mode_t private_folder = 0700;
constexpr mode_t others = 0077;
constexpr std::size_t largest_file = 16384;

bool is_ours(const UniqueFd& opened, mode_t kind) {
    struct stat status {};
    return opened && ::fstat(opened.get(), &status) == 0 && (status.st_mode & S_IFMT) == kind &&
           status.st_uid == ::geteuid() && (status.st_mode & others) == 0;
}

/// The folder, if it is ours alone.
UniqueFd open_folder(const std::filesystem::path& folder) {
    UniqueFd opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    return is_ours(opened, S_IFDIR) ? std::move(opened) : UniqueFd();
}

bool make_folders(const std::filesystem::path& folder) {
    std::filesystem::path so_far;
    for (const std::filesystem::path& part : folder) {
        so_far /= part;
        if (::mkdir(so_far.c_str(), private_folder) != 0 && errno != EEXIST) {
            return false;
        }
    }
    return true;
}

std::optional<std::string> read_all(const UniqueFd& file) {
    std::string text(largest_file + 1, '\0');
    std::size_t size = 0;
    while (size < text.size()) {
        const ssize_t got = ::read(file.get(), text.data() + size, text.size() - size);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return std::nullopt;
        }
        if (got == 0) {
            text.resize(size);
            return text;
        }
        size += static_cast<std::size_t>(got);
    }
    return std::nullopt; // larger than any key
}

ByteView bytes_of(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// One line that says what the key is, one with the digest of line and key, then the key.
std::string file_text(const std::string& identity, const Bytes& pkcs8) {
    const std::string key(pkcs8.begin(), pkcs8.end());
    const std::string digest = apdu::to_hex(emulator::sha256(bytes_of(identity + '\n' + key)));
    return identity + '\n' + digest + '\n' + key;
}

std::optional<Bytes> key_in_file(const std::string& identity, const std::string& text) {
    const std::size_t header = identity.size() + 1 + 64 + 1;
    if (text.size() <= header) {
        return std::nullopt;
    }
    Bytes pkcs8(text.begin() + static_cast<std::ptrdiff_t>(header), text.end());
    return file_text(identity, pkcs8) == text ? std::optional(std::move(pkcs8)) : std::nullopt;
}

std::string file_name(const std::string& identity) {
    return apdu::to_hex(emulator::sha256(bytes_of(identity)));
}

std::optional<Bytes> find_in(const std::filesystem::path& folder, const std::string& identity) {
    const UniqueFd opened = open_folder(folder);
    if (!opened) {
        return std::nullopt;
    }
    // Not blocking: a pipe of that name must not hold us.
    const UniqueFd file(
        ::openat(opened.get(), file_name(identity).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
    if (!is_ours(file, S_IFREG)) {
        return std::nullopt;
    }
    const std::optional<std::string> text = read_all(file);
    return text ? key_in_file(identity, *text) : std::nullopt;
}

void keep_in(const std::filesystem::path& folder, const std::string& identity, const Bytes& pkcs8) {
    if (!make_folders(folder) || !open_folder(folder)) {
        return;
    }
    // Written aside and renamed, so that nobody sees half a file. Not synced: a torn one is found out by its
    // digest, and made anew.
    std::string aside = folder / ".new-XXXXXX";
    const UniqueFd file(::mkostemp(aside.data(), O_CLOEXEC)); // 0600
    if (!file) {
        return;
    }
    const std::filesystem::path target = folder / file_name(identity);
    if (!write_all(file.get(), bytes_of(file_text(identity, pkcs8))) ||
        ::rename(aside.c_str(), target.c_str()) != 0) {
        ::unlink(aside.c_str());
    }
}

/// Changes when the seeded stream or the way in which keys are made of it does.
constexpr int generation = 1;

std::string identity_of(std::uint64_t seed, std::uint64_t operation, emulator::Algorithm algorithm) {
    return fmt::format("cardrig key {}, seed {}, operation {}, {}, {}, {}", generation, seed, operation,
                       emulator::name(algorithm), OpenSSL_version(OPENSSL_VERSION),
                       OpenSSL_version(OPENSSL_PLATFORM));
}

std::optional<std::filesystem::path> own_folder(const char* variable) {
    const char* value = std::getenv(variable);
    if (value == nullptr) {
        return std::nullopt;
    }
    std::filesystem::path folder(value);
    struct stat status {};
    // One that is yet to be made is ours.
    const bool foreign = ::stat(folder.c_str(), &status) == 0 && status.st_uid != ::geteuid();
    return folder.is_absolute() && !foreign ? std::optional(std::move(folder)) : std::nullopt;
}

} // namespace

std::optional<std::filesystem::path> default_key_cache_folder() {
    if (const auto cache = own_folder("XDG_CACHE_HOME")) {
        return *cache / "cardrig" / "keys";
    }
    if (const auto home = own_folder("HOME")) {
        return *home / ".cache" / "cardrig" / "keys";
    }
    return std::nullopt;
}

MemoisedKeys::MemoisedKeys(std::optional<std::filesystem::path> folder) : folder_(std::move(folder)) {}

std::optional<Bytes> MemoisedKeys::find(const std::string& identity) {
    {
        const std::scoped_lock lock(mutex_);
        if (const auto found = keys_.find(identity); found != keys_.end()) {
            return found->second;
        }
    }
    return folder_ ? find_in(*folder_, identity) : std::nullopt;
}

void MemoisedKeys::keep(const std::string& identity, const Bytes& pkcs8) {
    const std::scoped_lock lock(mutex_);
    keys_.emplace(identity, pkcs8);
}

emulator::PrivateKey MemoisedKeys::generate(emulator::CryptoContext& context, emulator::Algorithm algorithm) {
    const emulator::Operation operation(context, emulator::key_generation_purpose);
    if (!context.seed()) {
        return emulator::generate_in_current_operation(context, algorithm);
    }
    const std::string identity = identity_of(*context.seed(), operation.number(), algorithm);
    if (const std::optional<Bytes> found = find(identity)) {
        auto key = emulator::PrivateKey::from_der(context, *found);
        if (key && key->algorithm() == algorithm) {
            keep(identity, *found);
            return std::move(*key);
        }
    }
    emulator::PrivateKey key = emulator::generate_in_current_operation(context, algorithm);
    const Bytes pkcs8 = key.to_der();
    keep(identity, pkcs8);
    if (folder_) {
        keep_in(*folder_, identity, pkcs8);
    }
    return key;
}

} // namespace cardrig::harness
