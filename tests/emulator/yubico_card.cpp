#include "tests/emulator/yubico_card.h"

#include "apdu/ber_tlv.h"
#include "emulator/openssl_support.h"

#include <stdexcept>

#include <openssl/core_names.h>

namespace cardrig::tests {

using emulator::Algorithm;
namespace openssl = emulator::openssl;

namespace {

Bytes number_of(const EVP_PKEY* key, const char* parameter, std::size_t size) {
    BIGNUM* found = nullptr;
    openssl::require(EVP_PKEY_get_bn_param(key, parameter, &found) == 1, "reading a key");
    const openssl::Number number(found);
    Bytes bytes(size);
    openssl::require(BN_bn2binpad(number.get(), bytes.data(), static_cast<int>(size)) >= 0,
                     "writing a number");
    return bytes;
}

emulator::PrivateKey make(emulator::CryptoContext& context, Algorithm algorithm) {
    emulator::FreshKeys keys;
    return keys.generate(context, algorithm);
}

} // namespace

Setup yubico_setup(std::array<std::uint8_t, 3> firmware) {
    Setup setup;
    setup.config.piv.algorithms = {Algorithm::rsa1024, Algorithm::rsa2048, Algorithm::p256, Algorithm::p384};
    if (firmware >= firmware_5_7) {
        setup.config.piv.algorithms.insert(setup.config.piv.algorithms.end(),
                                           {Algorithm::rsa3072, Algorithm::rsa4096});
        setup.management_algorithm = Algorithm::aes192;
    }
    setup.config.piv.yubico = emulator::YubicoExtensions{firmware, token_serial};
    return setup;
}

Bytes factory_management_key() {
    return hex("010203040506070801020304050607080102030405060708");
}

// Seeded, so that a test takes as long each time.
OutsideKey::OutsideKey(Algorithm algorithm)
    : context_(20'261'121), algorithm_(algorithm), key_(make(context_, algorithm)) {}

Bytes OutsideKey::subject_public_key_info() const {
    return key_.subject_public_key_info();
}

Bytes OutsideKey::public_key_template() const {
    return key_.public_key_template();
}

std::vector<Bytes> OutsideKey::numbers() const {
    const std::size_t size = emulator::field_size(algorithm_);
    if (emulator::is_elliptic(algorithm_)) {
        return {number_of(key_.native(), OSSL_PKEY_PARAM_PRIV_KEY, size)};
    }
    std::vector<Bytes> numbers;
    for (const char* parameter :
         {OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2, OSSL_PKEY_PARAM_RSA_EXPONENT1,
          OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1}) {
        numbers.push_back(number_of(key_.native(), parameter, size / 2));
    }
    return numbers;
}

Bytes OutsideKey::import_field() const {
    return tests::import_field(algorithm_, numbers());
}

Bytes import_field(Algorithm algorithm, const std::vector<Bytes>& numbers) {
    Bytes field;
    apdu::Tag tag = emulator::is_elliptic(algorithm) ? 0x06 : 0x01;
    for (const Bytes& number : numbers) {
        apdu::append_tlv(field, tag++, number);
    }
    return field;
}

void block_codes(CardSession& card) {
    for (int most = 0; most < 16 && card.verify("999999") != 0x6983; ++most) {
    }
    const std::string unblock = "002C008010" + block("99999999") + block("999999");
    for (int most = 0; most < 16 && card.status(unblock) != 0x6983; ++most) {
    }
    if (card.status("00200080") != 0x6983 || card.status(unblock) != 0x6983) {
        throw std::runtime_error("the codes are not blocked");
    }
}

} // namespace cardrig::tests
