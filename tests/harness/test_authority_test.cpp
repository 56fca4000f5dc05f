#include "harness/test_authority.h"

#include "emulator/openssl_support.h"
#include "emulator/x509_reading.h"

#include <array>
#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <openssl/err.h>
#include <openssl/pem.h>

namespace emulator = cardrig::emulator;
namespace harness = cardrig::harness;
namespace openssl = cardrig::emulator::openssl;
using cardrig::apdu::Bytes;
using cardrig::apdu::ByteView;
using emulator::Algorithm;
using namespace std::chrono_literals;

namespace {

constexpr std::chrono::sys_seconds start = std::chrono::sys_days(std::chrono::year(2026) / 3 / 1) + 12h;
constexpr harness::Validity ten_years{start, start + 24h * 3650};
constexpr harness::Validity one_year{start + 1s, start + 24h * 365};

harness::CertificateOrder order_for(const emulator::PrivateKey& key) {
    harness::CertificateOrder order;
    order.public_key = key.native();
    order.common_name = "Erika Mustermann";
    order.number = "123456789012";
    order.validity = one_year;
    return order;
}

/// A context with an authority in it and one card's key.
struct House {
    explicit House(Algorithm authority_algorithm = Algorithm::p256,
                   Algorithm card_algorithm = Algorithm::p256, std::optional<std::uint64_t> seed = 11)
        : context(seed), authority(context, keys, ten_years, authority_algorithm),
          card_key(keys.generate(context, card_algorithm)) {}
    emulator::CryptoContext context;
    emulator::FreshKeys keys;
    harness::TestAuthority authority;
    emulator::PrivateKey card_key;
};

openssl::Certificate parse(ByteView der) {
    const unsigned char* at = der.data();
    openssl::Certificate certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
    BOOST_REQUIRE(certificate != nullptr);
    return certificate;
}

using Store = openssl::Owned<X509_STORE, X509_STORE_free>;
using StoreContext = openssl::Owned<X509_STORE_CTX, X509_STORE_CTX_free>;

/// What OpenSSL's own path validation says, at a moment and for a purpose.
int verify_result(ByteView authority, ByteView leaf, std::chrono::sys_seconds now, int purpose) {
    const openssl::Certificate root = parse(authority);
    const openssl::Certificate target = parse(leaf);
    const Store store(X509_STORE_new());
    const StoreContext context(X509_STORE_CTX_new());
    BOOST_REQUIRE(X509_STORE_add_cert(store.get(), root.get()) == 1);
    BOOST_REQUIRE(X509_STORE_CTX_init(context.get(), store.get(), target.get(), nullptr) == 1);
    X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context.get());
    X509_VERIFY_PARAM_set_time(parameters, now.time_since_epoch().count());
    X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
    if (purpose != 0) {
        X509_VERIFY_PARAM_set_purpose(parameters, purpose);
    }
    const int good = X509_verify_cert(context.get());
    const int result = X509_STORE_CTX_get_error(context.get());
    ERR_clear_error();
    BOOST_TEST((good == 1) == (result == X509_V_OK));
    return result;
}

std::string extension_text(const X509* certificate, int nid) {
    const int at = X509_get_ext_by_NID(certificate, nid, -1);
    if (at < 0) {
        return "absent";
    }
    X509_EXTENSION* extension = X509_get_ext(certificate, at);
    const openssl::MemoryBio out(BIO_new(BIO_s_mem()));
    BOOST_REQUIRE(X509V3_EXT_print(out.get(), extension, 0, 0) == 1);
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return (X509_EXTENSION_get_critical(extension) == 1 ? std::string("critical, ") : std::string()) +
           std::string(text, static_cast<std::size_t>(size));
}

} // namespace

BOOST_AUTO_TEST_SUITE(test_authority)

BOOST_AUTO_TEST_CASE(certificate_says_what_was_ordered) {
    House house;
    harness::CertificateOrder order = order_for(house.card_key);
    order.serial = Bytes{0x01, 0xAB, 0xCD};
    const auto facts = emulator::read_certificate(house.context, house.authority.issue(order));
    BOOST_REQUIRE(facts.has_value());
    BOOST_TEST(facts->subject == "UID=123456789012,CN=Erika Mustermann");
    BOOST_TEST(facts->issuer == "CN=cardrig test issuing authority");
    BOOST_TEST(facts->serial == "01ABCD");
    BOOST_CHECK(facts->not_before == one_year.not_before);
    BOOST_CHECK(facts->not_after == one_year.not_after);
    BOOST_CHECK(facts->public_key == house.card_key.subject_public_key_info());
    BOOST_CHECK(facts->algorithm == Algorithm::p256);
}

BOOST_AUTO_TEST_CASE(dates_beyond_2049_and_before_1970_are_kept) {
    House house;
    harness::CertificateOrder order = order_for(house.card_key);
    order.validity = {std::chrono::sys_days(std::chrono::year(1969) / 7 / 20) + 20h + 17min + 40s,
                      std::chrono::sys_days(std::chrono::year(2061) / 7 / 28) + 1s};
    const auto facts = emulator::read_certificate(house.context, house.authority.issue(order));
    BOOST_REQUIRE(facts.has_value());
    BOOST_CHECK(facts->not_before == order.validity.not_before);
    BOOST_CHECK(facts->not_after == order.validity.not_after);
}

BOOST_AUTO_TEST_CASE(openssl_accepts_the_path_for_rsa_and_elliptic_authorities) {
    for (const Algorithm algorithm : {Algorithm::rsa2048, Algorithm::p256, Algorithm::p384}) {
        House house(algorithm, Algorithm::rsa1024);
        const Bytes leaf = house.authority.issue(order_for(house.card_key));
        const ByteView root = house.authority.certificate();
        BOOST_TEST(verify_result(root, leaf, start + 24h, X509_PURPOSE_SSL_CLIENT) == X509_V_OK);
        BOOST_TEST(verify_result(root, leaf, one_year.not_before - 1s, 0) == X509_V_ERR_CERT_NOT_YET_VALID);
        BOOST_TEST(verify_result(root, leaf, one_year.not_after + 1s, 0) == X509_V_ERR_CERT_HAS_EXPIRED);
        BOOST_TEST(verify_result(root, leaf, start + 24h, X509_PURPOSE_SSL_SERVER) ==
                   X509_V_ERR_INVALID_PURPOSE);
        Bytes damaged = leaf;
        damaged.back() ^= 0x01U;
        BOOST_TEST(verify_result(root, damaged, start + 24h, 0) == X509_V_ERR_CERT_SIGNATURE_FAILURE);
    }
}

BOOST_AUTO_TEST_CASE(extensions_follow_the_use) {
    House house;
    harness::CertificateOrder order = order_for(house.card_key);
    const openssl::Certificate login = parse(house.authority.issue(order));
    BOOST_TEST(extension_text(login.get(), NID_basic_constraints) == "critical, CA:FALSE");
    BOOST_TEST(extension_text(login.get(), NID_key_usage) == "critical, Digital Signature");
    BOOST_TEST(extension_text(login.get(), NID_ext_key_usage) == "TLS Web Client Authentication");
    order.use = harness::CertificateUse::signature;
    const openssl::Certificate signing = parse(house.authority.issue(order));
    BOOST_TEST(extension_text(signing.get(), NID_key_usage) ==
               "critical, Digital Signature, Non Repudiation");
    BOOST_TEST(extension_text(signing.get(), NID_ext_key_usage) == "absent");
    order.use = harness::CertificateUse::key_management;
    const openssl::Certificate agreeing = parse(house.authority.issue(order));
    BOOST_TEST(extension_text(agreeing.get(), NID_key_usage) == "critical, Key Agreement");
    BOOST_TEST(extension_text(agreeing.get(), NID_ext_key_usage) == "absent");
    order.use = harness::CertificateUse::attestation;
    const openssl::Certificate attesting = parse(house.authority.issue(order));
    BOOST_TEST(extension_text(attesting.get(), NID_basic_constraints) == "critical, CA:TRUE, pathlen:0");
    BOOST_TEST(extension_text(attesting.get(), NID_key_usage) == "critical, Certificate Sign");
    order.use = harness::CertificateUse::key_management;
    House rsa_house(Algorithm::p256, Algorithm::rsa1024);
    order.public_key = rsa_house.card_key.native();
    const openssl::Certificate unwrapping = parse(house.authority.issue(order));
    BOOST_TEST(extension_text(unwrapping.get(), NID_key_usage) == "critical, Key Encipherment");
    const openssl::Certificate root = parse(house.authority.certificate());
    BOOST_TEST(extension_text(root.get(), NID_basic_constraints) == "critical, CA:TRUE");
    BOOST_TEST(extension_text(root.get(), NID_key_usage) == "critical, Certificate Sign, CRL Sign");
    const ASN1_OCTET_STRING* root_id = X509_get0_subject_key_id(root.get());
    const ASN1_OCTET_STRING* issuer_id = X509_get0_authority_key_id(login.get());
    BOOST_REQUIRE(root_id != nullptr && issuer_id != nullptr);
    BOOST_TEST(ASN1_OCTET_STRING_cmp(root_id, issuer_id) == 0);
    BOOST_TEST(X509_get0_subject_key_id(login.get()) != nullptr);
}

BOOST_AUTO_TEST_CASE(use_follows_the_key) {
    using harness::CertificateUse;
    BOOST_CHECK(harness::certificate_use(0x9A) == CertificateUse::authentication);
    BOOST_CHECK(harness::certificate_use(0x9C) == CertificateUse::signature);
    BOOST_CHECK(harness::certificate_use(0x9D) == CertificateUse::key_management);
    BOOST_CHECK(harness::certificate_use(0x9E) == CertificateUse::authentication);
    BOOST_CHECK(harness::certificate_use(0x82) == CertificateUse::key_management);
    BOOST_CHECK(harness::certificate_use(0x95) == CertificateUse::key_management);
    BOOST_CHECK(harness::certificate_use(0xF9) == CertificateUse::attestation);
}

BOOST_AUTO_TEST_CASE(same_seed_and_orders_give_the_same_certificates) {
    const auto lifetime = [](std::uint64_t seed) {
        House house(Algorithm::p256, Algorithm::p256, seed);
        const harness::CertificateOrder order = order_for(house.card_key);
        const ByteView root = house.authority.certificate();
        return std::vector<Bytes>{Bytes(root.begin(), root.end()), house.authority.issue(order),
                                  house.authority.issue(order)};
    };
    const std::vector<Bytes> first = lifetime(21);
    BOOST_CHECK(lifetime(21) == first);
    BOOST_CHECK(lifetime(22) != first);
    BOOST_CHECK(first[1] != first[2]); // another serial number, another signature
}

BOOST_AUTO_TEST_CASE(elliptic_signature_draws_from_the_context) {
    House house;
    harness::CertificateOrder order = order_for(house.card_key);
    order.serial = Bytes{0x01}; // so that only the signature draws
    const std::uint64_t before = house.context.bytes_drawn();
    (void)house.authority.issue(order);
    BOOST_TEST(house.context.bytes_drawn() >= before + 32);
}

BOOST_AUTO_TEST_CASE(serial_numbers_are_drawn_positive_and_of_one_length) {
    House house;
    std::string last;
    for (int i = 0; i < 8; ++i) {
        const auto facts =
            emulator::read_certificate(house.context, house.authority.issue(order_for(house.card_key)));
        BOOST_REQUIRE(facts.has_value());
        BOOST_TEST(facts->serial.size() == 32U);
        BOOST_TEST(facts->serial != last);
        last = facts->serial;
    }
}

BOOST_AUTO_TEST_CASE(certificates_of_one_kind_have_one_size) {
    for (const Algorithm algorithm : {Algorithm::p256, Algorithm::p384}) {
        House house(algorithm);
        harness::CertificateOrder order = order_for(house.card_key);
        const std::size_t size = house.authority.issue(order).size();
        for (int i = 1; i <= 20; ++i) {
            order.validity.not_after += 1s;
            BOOST_TEST(house.authority.issue(order).size() == size);
        }
    }
}

BOOST_AUTO_TEST_CASE(authority_key_and_certificate_are_given_as_pem) {
    House house;
    const std::string key_text = house.authority.key_pem();
    const std::string certificate_text = house.authority.certificate_pem();
    BOOST_TEST(key_text.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    const openssl::MemoryBio key_in(BIO_new_mem_buf(key_text.data(), static_cast<int>(key_text.size())));
    const openssl::Key key(PEM_read_bio_PrivateKey(key_in.get(), nullptr, nullptr, nullptr));
    const openssl::MemoryBio certificate_in(
        BIO_new_mem_buf(certificate_text.data(), static_cast<int>(certificate_text.size())));
    const openssl::Certificate certificate(
        PEM_read_bio_X509(certificate_in.get(), nullptr, nullptr, nullptr));
    BOOST_REQUIRE(key != nullptr && certificate != nullptr);
    BOOST_TEST(X509_check_private_key(certificate.get(), key.get()) == 1);
}

BOOST_AUTO_TEST_CASE(orders_that_break_the_rules_are_refused) {
    House house;
    const auto refused = [&](auto change) {
        harness::CertificateOrder order = order_for(house.card_key);
        change(order);
        BOOST_CHECK_THROW((void)house.authority.issue(order), std::invalid_argument);
    };
    refused([](auto& order) { order.public_key = nullptr; });
    refused([](auto& order) { order.common_name = ""; });
    refused([](auto& order) { order.common_name = std::string(65, 'x'); });
    refused([](auto& order) { order.number = "12345678901"; });
    refused([](auto& order) { order.number = "12345678901A"; });
    refused([](auto& order) { order.validity.not_after = order.validity.not_before - 1s; });
    refused([](auto& order) { order.serial = Bytes{}; });
    refused([](auto& order) { order.serial = Bytes(4, 0x00); });
    refused([](auto& order) { order.serial = Bytes(21, 0x01); });
    refused([](auto& order) { order.serial = Bytes(20, 0x80); });
}

BOOST_AUTO_TEST_CASE(signature_proves_the_right_key_alone) {
    for (const Algorithm algorithm :
         {Algorithm::rsa1024, Algorithm::rsa2048, Algorithm::p256, Algorithm::p384}) {
        House house(Algorithm::p256, algorithm);
        const Bytes certificate = house.authority.issue(order_for(house.card_key));
        BOOST_TEST(emulator::signature_proves(house.card_key, certificate));
        const emulator::PrivateKey same_kind = house.keys.generate(house.context, algorithm);
        BOOST_TEST(!emulator::signature_proves(same_kind, certificate));
        const emulator::PrivateKey other_kind = house.keys.generate(
            house.context, algorithm == Algorithm::p256 ? Algorithm::p384 : Algorithm::p256);
        BOOST_TEST(!emulator::signature_proves(other_kind, certificate));
        BOOST_TEST(!emulator::signature_proves(house.card_key, ByteView(certificate).first(40)));
        BOOST_TEST(!emulator::signature_proves(house.card_key, {}));
        BOOST_TEST(ERR_peek_error() == 0UL);
    }
}

BOOST_AUTO_TEST_CASE(reading_refuses_what_is_no_certificate) {
    House house;
    const Bytes good = house.authority.issue(order_for(house.card_key));
    BOOST_TEST(emulator::read_certificate(house.context, good).has_value());
    BOOST_TEST(!emulator::read_certificate(house.context, {}).has_value());
    for (std::size_t size = 1; size < good.size(); size += 7) {
        BOOST_TEST(!emulator::read_certificate(house.context, ByteView(good).first(size)).has_value());
    }
    Bytes longer = good;
    longer.push_back(0x00);
    BOOST_TEST(!emulator::read_certificate(house.context, longer).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
