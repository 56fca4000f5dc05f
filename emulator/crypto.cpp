#include "emulator/crypto.h"

#include "apdu/ber_tlv.h"
#include "emulator/key_der.h"
#include "emulator/openssl_support.h"
#include "emulator/seeded_random.h"

#include <array>
#include <stdexcept>

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

namespace cardrig::emulator {

using openssl::require;

// The members' order is that of their making; they end in the opposite one, the library context last.
struct CryptoContext::Impl {
    openssl::LibraryContext context{OSSL_LIB_CTX_new()};
    openssl::Provider seeded;
    openssl::Provider standard;
    openssl::Digest sha256;
    SeededStream* stream = nullptr;
    std::optional<std::uint64_t> seed;
    std::uint64_t operations = 0;
};

CryptoContext::CryptoContext(std::optional<std::uint64_t> seed) : impl_(std::make_unique<Impl>()) {
    OSSL_LIB_CTX* context = impl_->context.get();
    require(context != nullptr, "making a library context");
    impl_->seed = seed;
    if (seed) {
        // Before anything can draw: OpenSSL makes its generators at the first draw and keeps them.
        impl_->seeded.reset(install_seeded_random(context));
    }
    impl_->standard.reset(OSSL_PROVIDER_load(context, "default"));
    require(impl_->standard != nullptr, "loading the default provider");
    if (seed) {
        impl_->sha256.reset(EVP_MD_fetch(context, "SHA256", nullptr));
        require(impl_->sha256 != nullptr, "fetching SHA-256");
        impl_->stream = &seeded_stream_of(impl_->seeded.get());
        reseed(*seed);
    }
}

CryptoContext::~CryptoContext() = default;

OSSL_LIB_CTX* CryptoContext::native() const {
    return impl_->context.get();
}

std::optional<std::uint64_t> CryptoContext::seed() const {
    return impl_->seed;
}

void CryptoContext::reseed(std::uint64_t seed) {
    if (impl_->stream == nullptr) {
        throw std::logic_error("a context without a seed cannot be given another one");
    }
    impl_->seed = seed;
    impl_->operations = 0;
    impl_->stream->start(impl_->sha256.get(), seed);
    impl_->stream->begin_operation(0, "before the first operation");
}

std::uint64_t CryptoContext::begin_operation(std::string_view purpose) {
    ++impl_->operations;
    if (impl_->stream != nullptr) {
        impl_->stream->begin_operation(impl_->operations, purpose);
    }
    return impl_->operations;
}

void CryptoContext::end_operation() {
    // OpenSSL makes generators for each thread that draws, and has the thread's end free them, through the
    // context (OPENSSL_thread_stop_ex(3)). A card's context may be gone by then: so they go now.
    OPENSSL_thread_stop_ex(impl_->context.get());
}

std::uint64_t CryptoContext::bytes_drawn() const {
    return impl_->stream == nullptr ? 0 : impl_->stream->bytes_drawn();
}

Result<Algorithm> algorithm_of(const EVP_PKEY* key) {
    if (EVP_PKEY_is_a(key, "RSA") == 1) {
        for (const Algorithm algorithm :
             {Algorithm::rsa1024, Algorithm::rsa2048, Algorithm::rsa3072, Algorithm::rsa4096}) {
            if (EVP_PKEY_get_bits(key) == static_cast<int>(field_size(algorithm) * 8)) {
                return algorithm;
            }
        }
        return apdu::failure(fmt::format("RSA keys of {} bits are not supported", EVP_PKEY_get_bits(key)));
    }
    if (EVP_PKEY_is_a(key, "EC") == 1) {
        std::array<char, 80> curve{};
        std::size_t size = 0;
        if (EVP_PKEY_get_group_name(key, curve.data(), curve.size(), &size) != 1) {
            return openssl::failed("a key on an unnamed curve is not supported");
        }
        const std::string_view curve_name(curve.data(), size);
        if (curve_name == "prime256v1") {
            return Algorithm::p256;
        }
        if (curve_name == "secp384r1") {
            return Algorithm::p384;
        }
        return apdu::failure(fmt::format("keys on curve {} are not supported", curve_name));
    }
    return apdu::failure("the key is neither RSA nor on an elliptic curve");
}

namespace {

openssl::KeyContext operation_on(const CryptoContext& context, EVP_PKEY* key) {
    openssl::KeyContext operation(EVP_PKEY_CTX_new_from_pkey(context.native(), key, nullptr));
    require(operation != nullptr, "preparing a key operation");
    return operation;
}

Result<Bytes> sign(EVP_PKEY_CTX* operation, ByteView input, std::size_t limit, std::string_view what) {
    Bytes signature(limit);
    std::size_t size = signature.size();
    if (EVP_PKEY_sign(operation, signature.data(), &size, input.data(), input.size()) != 1) {
        return openssl::failed(what);
    }
    signature.resize(size);
    return signature;
}

} // namespace

PrivateKey::PrivateKey(CryptoContext& context, std::shared_ptr<EVP_PKEY> key, Algorithm algorithm)
    : context_(&context), key_(std::move(key)), algorithm_(algorithm) {}

Result<PrivateKey> PrivateKey::adopt(CryptoContext& context, std::shared_ptr<EVP_PKEY> key) {
    if (!key) {
        return apdu::failure("there is no key");
    }
    return algorithm_of(key.get()).map(
        [&](Algorithm algorithm) { return PrivateKey(context, std::move(key), algorithm); });
}

Result<PrivateKey> PrivateKey::from_der(CryptoContext& context, ByteView der) {
    return private_key_from_der(context, der).and_then([&](std::shared_ptr<EVP_PKEY> key) {
        return adopt(context, std::move(key));
    });
}

Bytes PrivateKey::to_der() const {
    return private_key_der(key_.get(), algorithm_);
}

Bytes PrivateKey::subject_public_key_info() const {
    return public_key_der(key_.get(), algorithm_);
}

Bytes PrivateKey::public_key_template() const {
    Bytes out;
    // SP 800-73-4 part 2, 3.3.2, table 11: 81 modulus and 82 exponent, or 86 the point.
    if (is_rsa(algorithm_)) {
        apdu::append_tlv(out, 0x81, number_of(key_.get(), OSSL_PKEY_PARAM_RSA_N));
        apdu::append_tlv(out, 0x82, number_of(key_.get(), OSSL_PKEY_PARAM_RSA_E));
    } else {
        apdu::append_tlv(out, 0x86, uncompressed_point(key_.get(), algorithm_));
    }
    return out;
}

Result<Bytes> PrivateKey::rsa_private_operation(ByteView block) const {
    if (!is_rsa(algorithm_)) {
        return apdu::failure(fmt::format("a {} key does no RSA operation", name(algorithm_)));
    }
    const std::size_t size = field_size(algorithm_);
    if (block.size() != size) {
        return apdu::failure(fmt::format("{} bytes given to a key that takes {}", block.size(), size));
    }
    const Operation drawing(*context_, "RSA private operation");
    const openssl::KeyContext operation = operation_on(*context_, key_.get());
    require(EVP_PKEY_sign_init(operation.get()) == 1 &&
                EVP_PKEY_CTX_set_rsa_padding(operation.get(), RSA_NO_PADDING) == 1,
            "preparing an RSA operation");
    return sign(operation.get(), block, size, "the RSA operation failed");
}

Result<Bytes> PrivateKey::ecdsa_sign(ByteView digest) const {
    if (!is_elliptic(algorithm_)) {
        return apdu::failure(fmt::format("a {} key makes no ECDSA signature", name(algorithm_)));
    }
    const std::size_t size = field_size(algorithm_);
    if (digest.empty() || digest.size() > size) {
        return apdu::failure(
            fmt::format("a digest of {} bytes given to a key that takes 1 to {}", digest.size(), size));
    }
    Bytes padded(size - digest.size(), 0x00);
    padded.insert(padded.end(), digest.begin(), digest.end());
    const Operation drawing(*context_, "ECDSA signature");
    const openssl::KeyContext operation = operation_on(*context_, key_.get());
    require(EVP_PKEY_sign_init(operation.get()) == 1, "preparing an ECDSA signature");
    return sign(operation.get(), padded, static_cast<std::size_t>(EVP_PKEY_get_size(key_.get())),
                "the ECDSA signature failed");
}

namespace {

/// The public key of the other side; fails where the point is not on the curve.
Result<openssl::Key> peer_key(const CryptoContext& context, Algorithm algorithm, ByteView point) {
    const openssl::KeyContext maker(EVP_PKEY_CTX_new_from_name(context.native(), "EC", nullptr));
    require(maker != nullptr && EVP_PKEY_fromdata_init(maker.get()) == 1, "preparing to read a point");
    std::string curve = algorithm == Algorithm::p256 ? "P-256" : "P-384";
    Bytes copy(point.begin(), point.end());
    const std::array<OSSL_PARAM, 3> parameters{
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve.data(), curve.size()),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, copy.data(), copy.size()),
        OSSL_PARAM_construct_end()};
    EVP_PKEY* made = nullptr;
    if (EVP_PKEY_fromdata(maker.get(), &made, EVP_PKEY_PUBLIC_KEY,
                          const_cast<OSSL_PARAM*>(parameters.data())) != 1) {
        return openssl::failed("the other side's point is not on the curve");
    }
    return openssl::Key(made);
}

} // namespace

Result<Bytes> PrivateKey::ecdh(ByteView point) const {
    if (!is_elliptic(algorithm_)) {
        return apdu::failure(fmt::format("a {} key agrees on no secret", name(algorithm_)));
    }
    const std::size_t size = field_size(algorithm_);
    // SP 800-73-4 part 2, A.5: the uncompressed form alone.
    if (point.size() != 1 + 2 * size || point[0] != 0x04) {
        return apdu::failure("the other side's point is not uncompressed or has the wrong length");
    }
    const Operation drawing(*context_, "ECDH");
    auto peer = peer_key(*context_, algorithm_, point);
    if (!peer) {
        return tl::make_unexpected(peer.error());
    }
    const openssl::KeyContext operation = operation_on(*context_, key_.get());
    require(EVP_PKEY_derive_init(operation.get()) == 1, "preparing ECDH");
    if (EVP_PKEY_derive_set_peer(operation.get(), peer->get()) != 1) {
        return openssl::failed("the other side's point is refused");
    }
    Bytes secret(size);
    std::size_t written = secret.size();
    if (EVP_PKEY_derive(operation.get(), secret.data(), &written) != 1 || written != size) {
        return openssl::failed("ECDH failed");
    }
    return secret;
}

namespace {

const char* cipher_name(Algorithm algorithm) {
    switch (algorithm) {
    case Algorithm::triple_des:
        return "DES-EDE3-ECB";
    case Algorithm::aes128:
        return "AES-128-ECB";
    case Algorithm::aes192:
        return "AES-192-ECB";
    case Algorithm::aes256:
        return "AES-256-ECB";
    case Algorithm::rsa1024:
    case Algorithm::rsa2048:
    case Algorithm::rsa3072:
    case Algorithm::rsa4096:
    case Algorithm::p256:
    case Algorithm::p384:
        break;
    }
    throw std::invalid_argument("an asymmetric algorithm has no blocks");
}

Bytes crypt_block(const CryptoContext& context, Algorithm algorithm, ByteView key, ByteView block,
                  bool encrypt) {
    const char* cipher_word = cipher_name(algorithm);
    if (key.size() != key_size(algorithm) || block.size() != block_size(algorithm)) {
        throw std::invalid_argument("key or block of the wrong length");
    }
    const openssl::Cipher cipher(EVP_CIPHER_fetch(context.native(), cipher_word, nullptr));
    const openssl::CipherContext operation(EVP_CIPHER_CTX_new());
    require(cipher != nullptr && operation != nullptr, "preparing a block cipher");
    Bytes out(block.size());
    int written = 0;
    int rest = 0;
    require(EVP_CipherInit_ex2(operation.get(), cipher.get(), key.data(), nullptr, encrypt ? 1 : 0,
                               nullptr) == 1 &&
                EVP_CIPHER_CTX_set_padding(operation.get(), 0) == 1 &&
                EVP_CipherUpdate(operation.get(), out.data(), &written, block.data(),
                                 static_cast<int>(block.size())) == 1 &&
                EVP_CipherFinal_ex(operation.get(), out.data() + written, &rest) == 1 &&
                written + rest == static_cast<int>(out.size()),
            "a block cipher");
    return out;
}

} // namespace

Bytes encrypt_block(CryptoContext& context, Algorithm algorithm, ByteView key, ByteView block) {
    return crypt_block(context, algorithm, key, block, true);
}

Bytes decrypt_block(CryptoContext& context, Algorithm algorithm, ByteView key, ByteView block) {
    return crypt_block(context, algorithm, key, block, false);
}

bool equal_in_constant_time(ByteView a, ByteView b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Bytes sha256(ByteView bytes) {
    Bytes digest(32);
    require(EVP_Q_digest(nullptr, "SHA256", nullptr, bytes.data(), bytes.size(), digest.data(), nullptr) == 1,
            "SHA-256");
    return digest;
}

} // namespace cardrig::emulator
