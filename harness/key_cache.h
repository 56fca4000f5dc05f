// Key pairs of seeded cards, made once: an RSA key takes longer to make than the rest of a short run.
//
// A seeded key pair is determined by seed, number of the operation, algorithm and version of OpenSSL; under
// these it is kept, in memory and in a private folder, as PKCS#8.
#pragma once

#include "emulator/environment.h"

#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace cardrig::harness {

/// $XDG_CACHE_HOME/cardrig/keys, else $HOME/.cache/cardrig/keys (XDG Base Directory Specification: a relative
/// path counts as none); none where neither variable is set, or where the folder that it names belongs to
/// somebody else, as under sudo.
[[nodiscard]] std::optional<std::filesystem::path> default_key_cache_folder();

/// Thread-safe: one may serve several cards in several threads, each with its own context.
///
/// The keys are those that emulator::FreshKeys makes of the same context, and a key found leaves the context
/// as a key made does: one operation begun. A context without a seed gets fresh keys, which are never kept.
class MemoisedKeys final : public emulator::KeySource {
public:
    /// Without a folder, keys are kept in memory alone. A folder that is missing is made (0700). It is left
    /// alone unless it is ours and closed to all others; so is a file in it (0600) that is not, or that is
    /// damaged: the key is made anew. Trouble with files is no error.
    explicit MemoisedKeys(std::optional<std::filesystem::path> folder = default_key_cache_folder());

    [[nodiscard]] emulator::PrivateKey generate(emulator::CryptoContext& context,
                                                emulator::Algorithm algorithm) override;

private:
    [[nodiscard]] std::optional<emulator::Bytes> find(const std::string& identity);
    void keep(const std::string& identity, const emulator::Bytes& pkcs8);

    std::optional<std::filesystem::path> folder_;
    std::mutex mutex_;
    std::map<std::string, emulator::Bytes> keys_;
};

} // namespace cardrig::harness
