#include "tests/emulator/verify_with_openssl.h"

#include "emulator/openssl_support.h"

#include <array>
#include <string_view>

#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

namespace cardrig::test {

namespace openssl = emulator::openssl;
using apdu::Bytes;
using apdu::ByteView;
using openssl::require;

namespace {

using ParameterBuilder = openssl::Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using Parameters = openssl::Owned<OSSL_PARAM, OSSL_PARAM_free>;

openssl::Key public_key(const Bytes& info) {
    const unsigned char* at = info.data();
    openssl::Key key(d2i_PUBKEY(nullptr, &at, static_cast<long>(info.size())));
    require(key != nullptr, "reading a public key");
    return key;
}

Bytes pkcs8_of(const EVP_PKEY* key) {
    const openssl::Pkcs8 info(EVP_PKEY2PKCS8(key));
    require(info != nullptr, "encoding a key");
    return openssl::to_der(i2d_PKCS8_PRIV_KEY_INFO, info.get(), "encoding a key");
}

} // namespace

Bytes rsa_public_operation(const Bytes& public_key_info, ByteView block) {
    const openssl::Key key = public_key(public_key_info);
    const openssl::KeyContext operation(EVP_PKEY_CTX_new(key.get(), nullptr));
    Bytes out(block.size());
    std::size_t size = out.size();
    require(EVP_PKEY_encrypt_init(operation.get()) == 1 &&
                EVP_PKEY_CTX_set_rsa_padding(operation.get(), RSA_NO_PADDING) == 1 &&
                EVP_PKEY_encrypt(operation.get(), out.data(), &size, block.data(), block.size()) == 1,
            "an RSA public operation");
    out.resize(size);
    return out;
}

bool ecdsa_verifies(const Bytes& public_key_info, ByteView digest, ByteView signature) {
    const openssl::Key key = public_key(public_key_info);
    const openssl::KeyContext operation(EVP_PKEY_CTX_new(key.get(), nullptr));
    require(EVP_PKEY_verify_init(operation.get()) == 1, "preparing to verify");
    const bool good = EVP_PKEY_verify(operation.get(), signature.data(), signature.size(), digest.data(),
                                      digest.size()) == 1;
    (void)openssl::last_reason();
    return good;
}

Bytes p256_key(ByteView private_number, ByteView public_point) {
    const openssl::Number number(
        BN_bin2bn(private_number.data(), static_cast<int>(private_number.size()), nullptr));
    const ParameterBuilder builder(OSSL_PARAM_BLD_new());
    require(OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) == 1 &&
                OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, number.get()) == 1 &&
                OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, public_point.data(),
                                                 public_point.size()) == 1,
            "describing a key");
    const Parameters parameters(OSSL_PARAM_BLD_to_param(builder.get()));
    const openssl::KeyContext maker(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
    EVP_PKEY* made = nullptr;
    require(EVP_PKEY_fromdata_init(maker.get()) == 1 &&
                EVP_PKEY_fromdata(maker.get(), &made, EVP_PKEY_KEYPAIR, parameters.get()) == 1,
            "making a key");
    return pkcs8_of(openssl::Key(made).get());
}

Bytes foreign_key(const char* kind) {
    const std::string_view name(kind);
    EVP_PKEY* made = nullptr;
    if (name == "RSA") {
        made = EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<std::size_t>(512));
    } else if (name == "P-521") {
        made = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-521");
    } else {
        made = EVP_PKEY_Q_keygen(nullptr, nullptr, kind);
    }
    const openssl::Key key(made);
    require(key != nullptr, "making a key");
    return pkcs8_of(key.get());
}

} // namespace cardrig::test
