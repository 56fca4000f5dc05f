#include "emulator/key_der.h"

#include "apdu/ber_tlv.h"
#include "emulator/environment.h"

#include <string>

#include <boost/test/unit_test.hpp>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

namespace emulator = cardrig::emulator;
namespace openssl = cardrig::emulator::openssl;
using cardrig::apdu::Bytes;
using cardrig::apdu::ByteView;
using emulator::Algorithm;
using emulator::PrivateKey;
using openssl::require;

namespace {

PrivateKey fresh(emulator::CryptoContext& context, Algorithm algorithm) {
    return emulator::FreshKeys().generate(context, algorithm);
}

/// As OpenSSL's encoder has it.
Bytes encoded_by_openssl(const EVP_PKEY* key) {
    const openssl::Pkcs8 info(EVP_PKEY2PKCS8(key));
    require(info != nullptr, "encoding a private key");
    return openssl::to_der(i2d_PKCS8_PRIV_KEY_INFO, info.get(), "encoding a private key");
}

void set(const PrivateKey& key, const char* parameter, const char* value) {
    require(EVP_PKEY_set_utf8_string_param(key.native(), parameter, value) == 1, "setting a parameter");
}

void check_refused(emulator::CryptoContext& context, const Bytes& der, const std::string& reason) {
    const auto key = PrivateKey::from_der(context, der);
    BOOST_REQUIRE(!key.has_value());
    BOOST_TEST(key.error().message == reason);
}

/// PKCS#8 of an RSA key of 1024 bits with zero in place of its last number.
Bytes with_a_zero(const PrivateKey& rsa) {
    const Bytes whole = rsa.to_der();
    const auto outer = cardrig::apdu::parse_tlvs(whole).value();
    const auto parts = cardrig::apdu::parse_tlvs(outer[0].value).value();
    const auto key = cardrig::apdu::parse_tlvs(parts[2].value).value();
    const auto numbers = cardrig::apdu::parse_tlvs(key[0].value).value();
    Bytes inside;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        cardrig::apdu::append_tlv(inside, 0x02,
                                  i + 1 == numbers.size()
                                      ? Bytes(1, 0x00)
                                      : Bytes(numbers[i].value.begin(), numbers[i].value.end()));
    }
    Bytes info;
    cardrig::apdu::append_tlv(info, 0x02, Bytes(1, 0x00));
    cardrig::apdu::append_tlv(info, 0x30, parts[1].value);
    cardrig::apdu::append_tlv(info, 0x04, cardrig::apdu::make_tlv(0x30, inside));
    return cardrig::apdu::make_tlv(0x30, info);
}

} // namespace

BOOST_AUTO_TEST_SUITE(key_der)

BOOST_AUTO_TEST_CASE(keys_are_written_as_openssl_writes_them) {
    emulator::CryptoContext context;
    for (const Algorithm algorithm :
         {Algorithm::rsa1024, Algorithm::rsa2048, Algorithm::p256, Algorithm::p384}) {
        // Several, so that some numbers have their top bit set and some are shorter than others.
        for (int i = 0; i < (is_elliptic(algorithm) ? 64 : 4); ++i) {
            const PrivateKey key = fresh(context, algorithm);
            BOOST_TEST(key.to_der() == encoded_by_openssl(key.native()));
            BOOST_TEST(key.subject_public_key_info() ==
                       openssl::to_der(i2d_PUBKEY, key.native(), "encoding a public key"));
        }
    }
}

BOOST_AUTO_TEST_CASE(keys_are_read_as_they_were_written) {
    emulator::CryptoContext context;
    for (const Algorithm algorithm :
         {Algorithm::rsa1024, Algorithm::rsa3072, Algorithm::p256, Algorithm::p384}) {
        const PrivateKey key = fresh(context, algorithm);
        const auto again = PrivateKey::from_der(context, encoded_by_openssl(key.native()));
        BOOST_REQUIRE(again.has_value());
        BOOST_TEST((again->algorithm() == algorithm));
        BOOST_TEST(EVP_PKEY_eq(again->native(), key.native()) == 1);
        BOOST_TEST(encoded_by_openssl(again->native()) == encoded_by_openssl(key.native()));
    }
}

BOOST_AUTO_TEST_CASE(a_compressed_point_is_read_and_written_uncompressed) {
    emulator::CryptoContext context;
    const PrivateKey key = fresh(context, Algorithm::p256);
    const Bytes usual = key.to_der();
    set(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed");
    const Bytes compressed = encoded_by_openssl(key.native());
    BOOST_TEST(compressed.size() < usual.size());
    const auto read = PrivateKey::from_der(context, compressed);
    BOOST_REQUIRE(read.has_value());
    BOOST_TEST(read->to_der() == usual);
    BOOST_TEST(read->public_key_template().size() == 2U + 65U);
}

BOOST_AUTO_TEST_CASE(forms_that_no_card_writes_are_refused) {
    emulator::CryptoContext context;
    const PrivateKey pointless = fresh(context, Algorithm::p256);
    require(EVP_PKEY_set_int_param(pointless.native(), OSSL_PKEY_PARAM_EC_INCLUDE_PUBLIC, 0) == 1,
            "leaving the public point out");
    check_refused(context, encoded_by_openssl(pointless.native()),
                  "the private key is no elliptic-curve key with its public point");
    const PrivateKey explicit_curve = fresh(context, Algorithm::p256);
    set(explicit_curve, OSSL_PKEY_PARAM_EC_ENCODING, "explicit");
    check_refused(context, encoded_by_openssl(explicit_curve.native()),
                  "a key on an unnamed curve is not supported");
    check_refused(context, with_a_zero(fresh(context, Algorithm::rsa1024)),
                  "an RSA key has a number that is not above zero");
}

BOOST_AUTO_TEST_CASE(rsa_keys_with_three_primes_are_refused) {
    emulator::CryptoContext context;
    const openssl::KeyContext maker(EVP_PKEY_CTX_new_from_name(context.native(), "RSA", nullptr));
    EVP_PKEY* made = nullptr;
    require(maker != nullptr && EVP_PKEY_keygen_init(maker.get()) == 1 &&
                EVP_PKEY_CTX_set_rsa_keygen_bits(maker.get(), 1024) == 1 &&
                EVP_PKEY_CTX_set_rsa_keygen_primes(maker.get(), 3) == 1 &&
                EVP_PKEY_generate(maker.get(), &made) == 1,
            "making a key with three primes");
    const openssl::Key key(made);
    check_refused(context, encoded_by_openssl(key.get()), "the private key is no RSA key with two primes");
}

BOOST_AUTO_TEST_CASE(damaged_keys_are_refused_or_are_keys_all_the_same) {
    emulator::CryptoContext context;
    for (const Algorithm algorithm : {Algorithm::rsa1024, Algorithm::p256}) {
        const Bytes good = fresh(context, algorithm).to_der();
        for (std::size_t at = 0; at < good.size(); ++at) {
            BOOST_TEST(!PrivateKey::from_der(context, ByteView(good).first(at)));
            for (const unsigned flip : {0x01U, 0x80U, 0xFFU}) {
                Bytes damaged = good;
                damaged[at] = static_cast<std::uint8_t>(damaged[at] ^ flip);
                const auto key = PrivateKey::from_der(context, damaged);
                if (key) {
                    BOOST_TEST(PrivateKey::from_der(context, key->to_der()).has_value());
                } else {
                    BOOST_TEST(!key.error().message.empty());
                }
            }
        }
    }
    BOOST_TEST(ERR_peek_error() == 0UL);
}

BOOST_AUTO_TEST_CASE(a_certificate_gets_the_public_key_that_openssl_would_give_it) {
    emulator::CryptoContext context;
    for (const Algorithm algorithm : {Algorithm::rsa2048, Algorithm::p256, Algorithm::p384}) {
        const PrivateKey key = fresh(context, algorithm);
        const openssl::Certificate ours(X509_new_ex(context.native(), nullptr));
        const openssl::Certificate theirs(X509_new_ex(context.native(), nullptr));
        emulator::set_public_key(ours.get(), key.native(), algorithm);
        require(X509_set_pubkey(theirs.get(), key.native()) == 1, "setting a public key");
        BOOST_TEST(openssl::to_der(i2d_X509_PUBKEY, X509_get_X509_PUBKEY(ours.get()), "encoding") ==
                   openssl::to_der(i2d_X509_PUBKEY, X509_get_X509_PUBKEY(theirs.get()), "encoding"));
    }
}

BOOST_AUTO_TEST_SUITE_END()
