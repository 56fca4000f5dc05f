// The card's cryptography: a context of its own, key pairs, and single blocks under a symmetric key. All of
// it is OpenSSL's; nothing here draws on OpenSSL's global state.
#pragma once

#include "apdu/bytes.h"
#include "apdu/result.h"
#include "emulator/algorithm.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

using EVP_PKEY = struct evp_pkey_st;
using OSSL_LIB_CTX = struct ossl_lib_ctx_st;

namespace cardrig::emulator {

using apdu::Bytes;
using apdu::ByteView;
using apdu::Result;

/// An OpenSSL library context. Unseeded, its random numbers are the system's. Seeded, each operation draws
/// from a stream that (seed, number of the operation, purpose) determine: the same seed and the same
/// operations give the same keys, signatures and random bytes, byte for byte, for one version of OpenSSL. Not
/// thread-safe; several may live in several threads, and one may go from thread to thread.
class CryptoContext {
public:
    explicit CryptoContext(std::optional<std::uint64_t> seed = std::nullopt);
    CryptoContext(const CryptoContext&) = delete;
    CryptoContext& operator=(const CryptoContext&) = delete;
    ~CryptoContext();

    [[nodiscard]] OSSL_LIB_CTX* native() const;
    [[nodiscard]] std::optional<std::uint64_t> seed() const;
    /// From here on as a context just made with that seed, and quicker by far than making one; its keys stay
    /// good. Throws std::logic_error on a context without a seed.
    void reseed(std::uint64_t seed);
    /// Starts the next operation's stream and returns its number; does nothing but count where unseeded.
    /// Every function that draws random numbers calls it first; see Operation.
    std::uint64_t begin_operation(std::string_view purpose);
    /// Frees what OpenSSL keeps for the calling thread, which else crashes at its end if the context ended
    /// before it.
    void end_operation();
    /// How many random bytes were drawn from the seeded stream so far: shows that a draw went through it.
    [[nodiscard]] std::uint64_t bytes_drawn() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// An operation that draws random numbers, from its beginning to its end.
class Operation final {
public:
    Operation(CryptoContext& context, std::string_view purpose)
        : context_(context), number_(context.begin_operation(purpose)) {}
    Operation(const Operation&) = delete;
    Operation& operator=(const Operation&) = delete;
    ~Operation() { context_.end_operation(); }
    [[nodiscard]] std::uint64_t number() const { return number_; }

private:
    CryptoContext& context_;
    std::uint64_t number_;
};

/// An RSA or elliptic-curve key pair; copies share the key object, which is quicker by far than reading it
/// from DER again. Belongs to the context it was made in, which must outlive it.
class PrivateKey {
public:
    /// Takes PKCS#8 DER.
    [[nodiscard]] static Result<PrivateKey> from_der(CryptoContext& context, ByteView der);
    /// For key sources: wraps a key made in `context`; fails on a type or size not in `Algorithm`.
    [[nodiscard]] static Result<PrivateKey> adopt(CryptoContext& context, std::shared_ptr<EVP_PKEY> key);

    [[nodiscard]] Algorithm algorithm() const { return algorithm_; }
    [[nodiscard]] CryptoContext& context() const { return *context_; }
    [[nodiscard]] Bytes to_der() const;                  ///< PKCS#8
    [[nodiscard]] Bytes subject_public_key_info() const; ///< DER
    /// What stands inside 7F49: 81 modulus, 82 exponent; or 86 the point, uncompressed.
    [[nodiscard]] Bytes public_key_template() const;

    /// RSA without padding: `block` has the modulus' length and is below it in value, or it fails.
    [[nodiscard]] Result<Bytes> rsa_private_operation(ByteView block) const;
    /// DER SEQUENCE{r,s} over a digest of 1 to field-length bytes, left-extended with zeros; fails on others.
    [[nodiscard]] Result<Bytes> ecdsa_sign(ByteView digest) const;
    /// x-coordinate of the shared point; `point` is 04 X Y on the same curve, or it fails.
    [[nodiscard]] Result<Bytes> ecdh(ByteView point) const;

    [[nodiscard]] EVP_PKEY* native() const { return key_.get(); }

private:
    PrivateKey(CryptoContext& context, std::shared_ptr<EVP_PKEY> key, Algorithm algorithm);
    CryptoContext* context_;
    std::shared_ptr<EVP_PKEY> key_;
    Algorithm algorithm_;
};

/// The algorithm of a public or private key; fails on a type or size not in `Algorithm`.
[[nodiscard]] Result<Algorithm> algorithm_of(const EVP_PKEY* key);

/// One block in ECB with a key of key_size(algorithm) bytes; the block has block_size(algorithm) bytes.
/// Throws std::invalid_argument on other lengths and on an algorithm that is not symmetric.
[[nodiscard]] Bytes encrypt_block(CryptoContext& context, Algorithm algorithm, ByteView key, ByteView block);
[[nodiscard]] Bytes decrypt_block(CryptoContext& context, Algorithm algorithm, ByteView key, ByteView block);

/// Compares in time that depends on the length alone; different lengths are unequal.
[[nodiscard]] bool equal_in_constant_time(ByteView a, ByteView b);

[[nodiscard]] Bytes sha256(ByteView bytes);

} // namespace cardrig::emulator
