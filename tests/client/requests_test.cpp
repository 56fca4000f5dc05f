// A key pair of OpenSSL's stands for the card's, and OpenSSL judges what comes out.
#include "apdu/ber_tlv.h"
#include "scenarios/clients/reference/certificate.h"
#include "scenarios/clients/reference/public_key.h"
#include "scenarios/clients/reference/renewal.h"

#include <memory>
#include <string>

#include <boost/test/unit_test.hpp>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

namespace apdu = cardrig::apdu;
namespace client = cardrig::client;
using apdu::Bytes;
using apdu::ByteView;

namespace {

using KeyPair = std::shared_ptr<EVP_PKEY>;

KeyPair rsa_pair() {
    return {EVP_RSA_gen(2048), EVP_PKEY_free};
}
KeyPair curve_pair(const char* group) {
    return {EVP_EC_gen(group), EVP_PKEY_free};
}

/// What a card does: its private operation on an input, without any padding or hashing of its own.
Bytes private_operation(const KeyPair& pair, const Bytes& input) {
    const std::shared_ptr<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new(pair.get(), nullptr), EVP_PKEY_CTX_free);
    BOOST_REQUIRE(EVP_PKEY_sign_init(context.get()) == 1);
    if (EVP_PKEY_get_base_id(pair.get()) == EVP_PKEY_RSA) {
        BOOST_REQUIRE(EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_NO_PADDING) == 1);
    }
    std::size_t size = 0;
    BOOST_REQUIRE(EVP_PKEY_sign(context.get(), nullptr, &size, input.data(), input.size()) == 1);
    Bytes signature(size);
    BOOST_REQUIRE(EVP_PKEY_sign(context.get(), signature.data(), &size, input.data(), input.size()) == 1);
    signature.resize(size);
    return signature;
}

/// Whose, from when to when, of which key; signed by itself.
client::Certificate certificate(const KeyPair& pair, const std::string& name, const std::string& number,
                                long from, long to, std::size_t ballast = 0) {
    const std::shared_ptr<X509> made(X509_new(), X509_free);
    X509_set_version(made.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 77);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), from);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), to);
    const std::shared_ptr<X509_NAME> subject(X509_NAME_new(), X509_NAME_free);
    const auto add = [&](const char* field, const std::string& text) {
        X509_NAME_add_entry_by_txt(subject.get(), field, MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()), -1, 0);
    };
    add("CN", name);
    add("UID", number);
    X509_set_subject_name(made.get(), subject.get());
    if (ballast > 0) {
        const std::shared_ptr<ASN1_OCTET_STRING> data(ASN1_OCTET_STRING_new(), ASN1_OCTET_STRING_free);
        const Bytes zeros(ballast);
        ASN1_OCTET_STRING_set(data.get(), zeros.data(), static_cast<int>(zeros.size()));
        const std::shared_ptr<X509_EXTENSION> extension(
            X509_EXTENSION_create_by_NID(nullptr, NID_netscape_comment, 0, data.get()), X509_EXTENSION_free);
        X509_add_ext(made.get(), extension.get(), -1);
    }
    X509_set_pubkey(made.get(), pair.get());
    BOOST_REQUIRE(X509_sign(made.get(), pair.get(), EVP_sha256()) > 0);
    unsigned char* der = nullptr;
    const int size = i2d_X509(made.get(), &der);
    const Bytes bytes(der, der + size);
    OPENSSL_free(der);
    return client::Certificate::parse(bytes).value();
}

constexpr long day = 86'400;

Bytes number_of(const KeyPair& pair, const char* parameter) {
    BIGNUM* value = nullptr;
    BOOST_REQUIRE(EVP_PKEY_get_bn_param(pair.get(), parameter, &value) == 1);
    Bytes bytes(static_cast<std::size_t>(BN_num_bytes(value)));
    BN_bn2bin(value, bytes.data());
    BN_free(value);
    return bytes;
}

Bytes point_of(const KeyPair& pair) {
    Bytes point(200);
    std::size_t size = 0;
    BOOST_REQUIRE(EVP_PKEY_get_octet_string_param(pair.get(), OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY,
                                                  point.data(), point.size(), &size) == 1);
    point.resize(size);
    return point;
}

void check_request(const KeyPair& pair) {
    const client::Certificate model = certificate(rsa_pair(), "Jörg Müller", "700000000001", -day, day);
    const client::PublicKey key(pair);
    const auto request = client::make_request(
        model, key, [&](ByteView data) { return private_operation(pair, key.signing_input(data)); });
    BOOST_REQUIRE(request.has_value());
    const unsigned char* in = request->data();
    const std::shared_ptr<X509_REQ> read(d2i_X509_REQ(nullptr, &in, static_cast<long>(request->size())),
                                         X509_REQ_free);
    BOOST_REQUIRE(read);
    BOOST_TEST((in == request->data() + request->size()));
    BOOST_TEST(X509_REQ_verify(read.get(), pair.get()) == 1);
    BOOST_TEST(X509_NAME_cmp(X509_REQ_get_subject_name(read.get()), X509_get_subject_name(model.get())) == 0);
    BOOST_TEST(X509_REQ_get_version(read.get()) == X509_REQ_VERSION_1);
}

} // namespace

BOOST_AUTO_TEST_SUITE(requests)

BOOST_AUTO_TEST_CASE(openssl_verifies_a_request_that_the_card_signed) {
    check_request(rsa_pair());
    check_request(curve_pair("P-256"));
    check_request(curve_pair("P-384"));
}

BOOST_AUTO_TEST_CASE(a_request_that_another_key_signed_is_none) {
    const KeyPair pair = rsa_pair();
    const KeyPair other = rsa_pair();
    const client::Certificate model = certificate(pair, "Test Holder", "700000000001", -day, day);
    const client::PublicKey key(pair);
    const auto request = client::make_request(
        model, key, [&](ByteView data) { return private_operation(other, key.signing_input(data)); });
    BOOST_TEST(!request.has_value());
}

BOOST_AUTO_TEST_CASE(openssl_verifies_what_the_card_signs) {
    for (const KeyPair& pair : {rsa_pair(), curve_pair("P-256")}) {
        const client::PublicKey key(pair);
        const Bytes text{1, 2, 3};
        Bytes signature = private_operation(pair, key.signing_input(text));
        BOOST_TEST(key.verifies(text, signature));
        signature.back() = static_cast<std::uint8_t>(signature.back() ^ 1U);
        BOOST_TEST(!key.verifies(text, signature));
    }
}

// RFC 8017, 9.2.
BOOST_AUTO_TEST_CASE(rsa_input_is_padded_to_the_length_of_the_modulus) {
    const client::PublicKey key(rsa_pair());
    const Bytes input = key.signing_input(Bytes{});
    BOOST_TEST(input.size() == 256U);
    const std::string hex = apdu::to_hex(input);
    BOOST_TEST(hex.starts_with("0001FFFF"));
    // SHA-256 of nothing, FIPS 180-4.
    BOOST_TEST(hex.ends_with("FF003031300D060960864801650304020105000420"
                             "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"));
}

// SP 800-73-4 part 2, table 23.
BOOST_AUTO_TEST_CASE(a_generated_key_is_read_from_its_template) {
    const KeyPair rsa = rsa_pair();
    Bytes inner = apdu::make_tlv(0x81, number_of(rsa, OSSL_PKEY_PARAM_RSA_N));
    apdu::append_tlv(inner, 0x82, number_of(rsa, OSSL_PKEY_PARAM_RSA_E));
    const Bytes rsa_template = apdu::make_tlv(0x7F49, inner);
    const auto key = client::PublicKey::from_template(rsa_template, 0x07);
    BOOST_REQUIRE(key.has_value());
    BOOST_TEST(key->same_as(client::PublicKey(rsa)));
    BOOST_TEST(!client::PublicKey::from_template(rsa_template, 0x06).has_value());
    BOOST_TEST(!client::PublicKey::from_template(rsa_template, 0x11).has_value());

    const KeyPair curve = curve_pair("P-256");
    const Bytes curve_template = apdu::make_tlv(0x7F49, apdu::make_tlv(0x86, point_of(curve)));
    const auto point = client::PublicKey::from_template(curve_template, 0x11);
    BOOST_REQUIRE(point.has_value());
    BOOST_TEST(point->same_as(client::PublicKey(curve)));
    BOOST_TEST(!client::PublicKey::from_template(curve_template, 0x14).has_value());

    Bytes off_the_curve = point_of(curve);
    off_the_curve.back() = static_cast<std::uint8_t>(off_the_curve.back() ^ 1U);
    BOOST_TEST(
        !client::PublicKey::from_template(apdu::make_tlv(0x7F49, apdu::make_tlv(0x86, off_the_curve)), 0x11)
             .has_value());
}

BOOST_AUTO_TEST_CASE(a_certificate_tells_whose_it_is) {
    const client::Certificate read = certificate(rsa_pair(), "Jörg Müller", "700000000001", -day, day);
    BOOST_TEST(read.holder().name == "Jörg Müller");
    BOOST_TEST(read.holder().number == "700000000001");
    BOOST_TEST(read.serial() == "4D");
    Bytes longer = read.der();
    longer.push_back(0);
    BOOST_TEST(!client::Certificate::parse(longer).has_value());
}

BOOST_AUTO_TEST_CASE(an_issued_certificate_is_looked_at_before_it_is_written) {
    const KeyPair pair = rsa_pair();
    const client::PublicKey key(pair);
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    const std::string number = "700000000001";
    const client::Certificate before = certificate(rsa_pair(), "Test Holder", number, -700 * day, 30 * day);
    const auto fault = [&](const client::Certificate& issued) {
        return client::fault_of_issued(issued, client::Slot::authentication, key, before, before.not_after(),
                                       now);
    };
    BOOST_TEST(fault(certificate(pair, "Test Holder", number, -day, 730 * day)) == "");
    BOOST_TEST(fault(certificate(rsa_pair(), "Test Holder", number, -day, 730 * day)) == "for another key");
    BOOST_TEST(fault(certificate(pair, "Other Holder", number, -day, 730 * day)) == "for another holder");
    BOOST_TEST(fault(certificate(pair, "Test Holder", "700000000002", -day, 730 * day)) ==
               "for another holder");
    BOOST_TEST(fault(certificate(pair, "Test Holder", number, -730 * day, -day)) == "not in date");
    BOOST_TEST(fault(certificate(pair, "Test Holder", number, day, 730 * day)) == "not in date");
    BOOST_TEST(fault(certificate(pair, "Test Holder", number, -day, 29 * day)) == "not in date");
    BOOST_TEST(fault(certificate(pair, "Test Holder", number, -day, 730 * day, 3000)) ==
               "too large for the card");
}

BOOST_AUTO_TEST_SUITE_END()
