#include "scenarios/clients/reference/public_key.h"

#include "apdu/ber_tlv.h"

#include <array>
#include <string>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

namespace cardrig::client {

namespace {

using apdu::Bytes;
using apdu::ByteView;

struct KeyKind {
    std::uint8_t algorithm;
    std::string_view word;
    int bits;
    const char* group; ///< of elliptic curves, as OpenSSL names it
};
constexpr std::array<KeyKind, 6> kinds{{{0x06, "rsa-1024", 1024, nullptr},
                                        {0x07, "rsa-2048", 2048, nullptr},
                                        {0x05, "rsa-3072", 3072, nullptr},
                                        {0x16, "rsa-4096", 4096, nullptr},
                                        {0x11, "p-256", 256, "prime256v1"},
                                        {0x14, "p-384", 384, "secp384r1"}}};

/// RFC 8017, 9.2, note 1: what stands in front of a SHA-256 hash.
constexpr std::array<std::uint8_t, 19> digest_info{0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                                   0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};

template <auto release>
struct Releaser {
    template <class T>
    void operator()(T* object) const {
        release(object);
    }
};
using Number = std::unique_ptr<BIGNUM, Releaser<BN_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, Releaser<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Releaser<OSSL_PARAM_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Releaser<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Releaser<EVP_MD_CTX_free>>;

Number number(ByteView bytes) {
    return Number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
}

std::shared_ptr<EVP_PKEY> make_key(const char* type, OSSL_PARAM_BLD* builder) {
    const Params params(OSSL_PARAM_BLD_to_param(builder));
    const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
    EVP_PKEY* key = nullptr;
    if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
        EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
        return nullptr;
    }
    return {key, EVP_PKEY_free};
}

std::shared_ptr<EVP_PKEY> rsa_key(ByteView modulus, ByteView exponent) {
    const ParamBuilder builder(OSSL_PARAM_BLD_new());
    const Number n = number(modulus);
    const Number e = number(exponent);
    if (!builder || !n || !e || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
        OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
        return nullptr;
    }
    return make_key("RSA", builder.get());
}

std::shared_ptr<EVP_PKEY> curve_key(const char* group, ByteView point) {
    const ParamBuilder builder(OSSL_PARAM_BLD_new());
    if (!builder ||
        OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, group, 0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                         point.size()) != 1) {
        return nullptr;
    }
    return make_key("EC", builder.get());
}

} // namespace

std::optional<PublicKey> PublicKey::from_template(ByteView data, std::uint8_t algorithm) {
    const auto outer = apdu::parse_tlvs(data);
    const auto value = outer ? apdu::find_tlv(*outer, 0x7F49) : std::nullopt;
    const auto inner = value ? apdu::parse_tlvs(*value) : apdu::parse_tlvs({});
    if (!value || !inner) {
        return std::nullopt;
    }
    std::shared_ptr<EVP_PKEY> key;
    for (const KeyKind& kind : kinds) {
        if (kind.algorithm != algorithm) {
            continue;
        }
        const auto modulus = apdu::find_tlv(*inner, 0x81);
        const auto exponent = apdu::find_tlv(*inner, 0x82);
        const auto point = apdu::find_tlv(*inner, 0x86);
        if (kind.group == nullptr && modulus && exponent) {
            key = rsa_key(*modulus, *exponent);
        } else if (kind.group != nullptr && point) {
            key = curve_key(kind.group, *point);
        }
    }
    if (!key) {
        return std::nullopt;
    }
    PublicKey result(std::move(key));
    return result.algorithm() == algorithm ? std::optional(std::move(result)) : std::nullopt;
}

bool PublicKey::is_rsa() const {
    return EVP_PKEY_get_base_id(key_.get()) == EVP_PKEY_RSA;
}

std::optional<std::uint8_t> PublicKey::algorithm() const {
    const int bits = EVP_PKEY_get_bits(key_.get());
    std::array<char, 64> group{};
    std::size_t size = 0;
    EVP_PKEY_get_group_name(key_.get(), group.data(), group.size(), &size);
    for (const KeyKind& kind : kinds) {
        const bool same_kind =
            kind.group == nullptr ? is_rsa() : std::string_view(group.data()) == kind.group;
        if (same_kind && kind.bits == bits) {
            return kind.algorithm;
        }
    }
    return std::nullopt;
}

Bytes PublicKey::signing_input(ByteView data) const {
    Bytes hash(SHA256_DIGEST_LENGTH);
    SHA256(data.data(), data.size(), hash.data());
    if (!is_rsa()) {
        return hash;
    }
    const auto length = static_cast<std::size_t>(EVP_PKEY_get_size(key_.get()));
    const std::size_t tail = digest_info.size() + hash.size();
    Bytes block{0x00, 0x01};
    block.resize(length - tail - 1, 0xFF);
    block.push_back(0x00);
    block.insert(block.end(), digest_info.begin(), digest_info.end());
    block.insert(block.end(), hash.begin(), hash.end());
    return block;
}

bool PublicKey::verifies(ByteView data, ByteView signature) const {
    const DigestContext context(EVP_MD_CTX_new());
    return context && EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1 &&
           EVP_DigestVerify(context.get(), signature.data(), signature.size(), data.data(), data.size()) == 1;
}

bool PublicKey::same_as(const PublicKey& other) const {
    return EVP_PKEY_eq(key_.get(), other.key_.get()) == 1;
}

std::string PublicKey::id() const {
    unsigned char* encoded = nullptr;
    const int length = i2d_PUBKEY(key_.get(), &encoded);
    if (length <= 0) {
        return {};
    }
    Bytes digest(SHA256_DIGEST_LENGTH);
    SHA256(encoded, static_cast<std::size_t>(length), digest.data());
    OPENSSL_free(encoded);
    return apdu::to_hex(digest);
}

std::optional<std::uint8_t> algorithm_from_word(std::string_view word) {
    for (const KeyKind& kind : kinds) {
        if (kind.word == word) {
            return kind.algorithm;
        }
    }
    return std::nullopt;
}

} // namespace cardrig::client
