// Random numbers that a seed determines, handed to OpenSSL as the generator of one library context.
//
// OpenSSL asks a provider for its generators, one instance per thread and purpose. All instances of a
// context read one stream, which belongs to the context: so what is drawn does not depend on which thread
// draws. Stream of an operation: SHA-256(key, block number) for block 0, 1, 2, ..., where key is
// SHA-256(seed, operation number, purpose); numbers are 64 bits, big-endian.
#pragma once

#include "apdu/bytes.h"

#include <cstdint>
#include <mutex>
#include <span>
#include <string_view>

#include <openssl/types.h>

namespace cardrig::emulator {

/// Thread-safe. Each operation's stream is its own: what was drawn before has no influence on it.
class SeededStream {
public:
    /// `sha256` outlives the stream's last draw.
    void start(const EVP_MD* sha256, std::uint64_t seed);
    void begin_operation(std::uint64_t number, std::string_view purpose);
    /// False before start() and where hashing fails.
    [[nodiscard]] bool draw(std::span<std::uint8_t> out);
    [[nodiscard]] std::uint64_t bytes_drawn() const;

private:
    [[nodiscard]] bool next_block();

    mutable std::mutex mutex_;
    const EVP_MD* sha256_ = nullptr;
    std::uint64_t seed_ = 0;
    apdu::Bytes key_;
    apdu::Bytes block_;
    std::size_t used_ = 0;
    std::uint64_t next_block_number_ = 0;
    std::uint64_t bytes_drawn_ = 0;
};

/// Makes a seeded stream the source of all random numbers of a context: public, private, and the seed source
/// of both. To be called before anything draws from the context. The provider owns the stream; unloading it
/// ends both.
[[nodiscard]] OSSL_PROVIDER* install_seeded_random(OSSL_LIB_CTX* context);
[[nodiscard]] SeededStream& seeded_stream_of(const OSSL_PROVIDER* provider);

} // namespace cardrig::emulator
