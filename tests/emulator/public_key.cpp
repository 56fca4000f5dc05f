#include "tests/emulator/public_key.h"

#include "apdu/ber_tlv.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

namespace cardrig::tests {

namespace {

void require(bool good) {
    if (!good) {
        throw std::runtime_error("OpenSSL refused a public key operation of the test");
    }
}

template <class T, void (*release)(T*)>
struct Release {
    void operator()(T* object) const { release(object); }
};
using Context = std::unique_ptr<EVP_PKEY_CTX, Release<EVP_PKEY_CTX, EVP_PKEY_CTX_free>>;
using Number = std::unique_ptr<BIGNUM, Release<BIGNUM, BN_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Release<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Release<OSSL_PARAM, OSSL_PARAM_free>>;

Number number(ByteView bytes) {
    return Number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
}

std::shared_ptr<EVP_PKEY> make(const char* type, const Builder& builder) {
    const Parameters parameters(OSSL_PARAM_BLD_to_param(builder.get()));
    const Context context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
    EVP_PKEY* key = nullptr;
    require(EVP_PKEY_fromdata_init(context.get()) == 1 &&
            EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) == 1);
    return {key, EVP_PKEY_free};
}

std::shared_ptr<EVP_PKEY> from_point(ByteView point) {
    const Builder builder(OSSL_PARAM_BLD_new());
    const char* const group = point.size() == 65 ? "P-256" : "P-384";
    require(OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, group, 0) == 1 &&
            OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                             point.size()) == 1);
    return make("EC", builder);
}

std::shared_ptr<EVP_PKEY> from_modulus(ByteView modulus, ByteView exponent) {
    const Builder builder(OSSL_PARAM_BLD_new());
    const Number n = number(modulus);
    const Number e = number(exponent);
    require(OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) == 1 &&
            OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) == 1);
    return make("RSA", builder);
}

std::vector<apdu::TlvView> elements(ByteView response) {
    const auto outer = apdu::parse_tlvs(response);
    require(outer && outer->size() == 1 && outer->front().tag == 0x7F49);
    const auto inner = apdu::parse_tlvs(outer->front().value);
    require(inner.has_value());
    return *inner;
}

Context start(const std::shared_ptr<EVP_PKEY>& key, int (*init)(EVP_PKEY_CTX*)) {
    Context context(EVP_PKEY_CTX_new(key.get(), nullptr));
    require(init(context.get()) == 1);
    return context;
}

} // namespace

PublicKey::PublicKey(ByteView response) {
    const std::vector<apdu::TlvView> parts = elements(response);
    if (const auto point = apdu::find_tlv(parts, 0x86)) {
        key_ = from_point(*point);
        return;
    }
    rsa_ = true;
    key_ = from_modulus(apdu::find_tlv(parts, 0x81).value(), apdu::find_tlv(parts, 0x82).value());
}

std::size_t PublicKey::size() const {
    return static_cast<std::size_t>(EVP_PKEY_get_bits(key_.get()) + 7) / 8;
}

// RFC 8017, 9.2, with the DigestInfo of SHA-256 from its note 1.
Bytes PublicKey::signature_block(ByteView sha256) const {
    static constexpr std::array<std::uint8_t, 19> digest_info{0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60,
                                                              0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
                                                              0x01, 0x05, 0x00, 0x04, 0x20};
    Bytes block(size() - digest_info.size() - sha256.size(), 0xFF);
    block.front() = 0x00;
    block[1] = 0x01;
    block.back() = 0x00;
    block.insert(block.end(), digest_info.begin(), digest_info.end());
    block.insert(block.end(), sha256.begin(), sha256.end());
    return block;
}

bool PublicKey::verifies(ByteView signature, ByteView sha256) const {
    const Context context = start(key_, EVP_PKEY_verify_init);
    if (rsa_) {
        require(EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) == 1 &&
                EVP_PKEY_CTX_set_signature_md(context.get(), EVP_sha256()) == 1);
    }
    return EVP_PKEY_verify(context.get(), signature.data(), signature.size(), sha256.data(), sha256.size()) ==
           1;
}

Bytes PublicKey::encrypt_raw(ByteView block) const {
    const Context context = start(key_, EVP_PKEY_encrypt_init);
    Bytes out(size());
    std::size_t length = out.size();
    require(EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_NO_PADDING) == 1 &&
            EVP_PKEY_encrypt(context.get(), out.data(), &length, block.data(), block.size()) == 1);
    return out;
}

HostKey::HostKey(const char* curve) : key_(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve), EVP_PKEY_free) {}

Bytes HostKey::point() const {
    std::size_t length = 0;
    Bytes point(97); // 04 X Y on the larger curve
    require(EVP_PKEY_get_octet_string_param(key_.get(), OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, point.data(),
                                            point.size(), &length) == 1);
    point.resize(length);
    return point;
}

Bytes HostKey::agree(ByteView response) const {
    const std::shared_ptr<EVP_PKEY> peer = from_point(apdu::find_tlv(elements(response), 0x86).value());
    const Context context = start(key_, EVP_PKEY_derive_init);
    Bytes secret(48);
    std::size_t length = secret.size();
    require(EVP_PKEY_derive_set_peer(context.get(), peer.get()) == 1 &&
            EVP_PKEY_derive(context.get(), secret.data(), &length) == 1);
    secret.resize(length);
    return secret;
}

} // namespace cardrig::tests
