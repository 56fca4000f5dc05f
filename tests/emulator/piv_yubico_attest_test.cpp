// The certificate by which a key token vouches for a key that it made: read and verified by OpenSSL's own
// tools.
#include "tests/emulator/yubico_card.h"

#include "apdu/ber_tlv.h"
#include "emulator/openssl_support.h"
#include "emulator/x509_reading.h"
#include "harness/test_authority.h"

#include <boost/test/unit_test.hpp>

#include <fmt/format.h>

#include <string>

namespace test = cardrig::tests;
namespace apdu = cardrig::apdu;
namespace emulator = cardrig::emulator;
namespace harness = cardrig::harness;
namespace piv = emulator::piv;
namespace openssl = emulator::openssl;
using apdu::Bytes;
using apdu::ByteView;
using apdu::CommandApdu;
using apdu::ResponseApdu;
using emulator::Algorithm;
using test::hex;
using test::PivCard;
using namespace std::chrono_literals;

namespace {

constexpr harness::Validity maker_validity{std::chrono::sys_days{2016y / 3 / 14},
                                           std::chrono::sys_days{2052y / 4 / 17}};

/// Hands out a key pair that it made, once more.
class OneKey final : public emulator::KeySource {
public:
    explicit OneKey(Bytes pkcs8) : pkcs8_(std::move(pkcs8)) {}
    [[nodiscard]] emulator::PrivateKey generate(emulator::CryptoContext& context, Algorithm) override {
        return emulator::PrivateKey::from_der(context, pkcs8_).value();
    }

private:
    Bytes pkcs8_;
};

/// Who makes tokens: a certificate authority whose key is in the token.
struct Maker {
    explicit Maker(Algorithm algorithm)
        : pkcs8(test::make_key(algorithm)), key(pkcs8), authority(context, key, maker_validity, algorithm) {}

    emulator::CryptoContext context{7};
    Bytes pkcs8;
    OneKey key;
    harness::TestAuthority authority;
};

class Token : public PivCard {
public:
    explicit Token(const Maker& maker, const test::Setup& setup = test::yubico_setup())
        : PivCard(setup), setup_(setup) {
        fit(piv::key_object(piv::attestation_key),
            piv::StoredKey{emulator::PrivateKey::from_der(crypto(), maker.pkcs8)->algorithm(),
                           piv::KeyOrigin::imported, 0, maker.pkcs8}
                .encode());
        fit(piv::data_object(piv::attestation_certificate_tag),
            piv::certificate_container(maker.authority.certificate()));
    }

    /// Written as the maker does, without a command.
    void fit(emulator::ObjectId id, const Bytes& content) {
        power_off();
        const auto store = emulator::ObjectStore::mount(memory()).value();
        emulator::Transaction transaction = store->begin();
        transaction.put(id, content);
        BOOST_REQUIRE(transaction.commit() == emulator::CommitResult::committed);
        power_cycle();
    }
    ResponseApdu attest(std::uint8_t slot) { return chained(CommandApdu(0x00, 0xF9, slot, 0x00, {}, 256)); }
    /// The public key, as 7F49 has it.
    Bytes generate(std::uint8_t slot, std::string_view parameters) {
        BOOST_REQUIRE_EQUAL(authenticate(), 0x9000);
        const ResponseApdu made = chained(CommandApdu(0x00, 0x47, 0x00, slot, hex(parameters), 256));
        BOOST_REQUIRE_EQUAL(made.status.value(), 0x9000);
        const auto outer = apdu::parse_tlvs(made.data).value();
        return {outer.at(0).value.begin(), outer.at(0).value.end()};
    }

private:
    test::Setup setup_;
};

openssl::Certificate read(ByteView der) {
    const unsigned char* at = der.data();
    openssl::Certificate certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
    BOOST_REQUIRE(certificate != nullptr);
    BOOST_REQUIRE(at == der.data() + der.size());
    return certificate;
}

/// What stands inside the extension's octet string.
Bytes extension(const X509* certificate, const char* identifier) {
    const openssl::Owned<ASN1_OBJECT, ASN1_OBJECT_free> object(OBJ_txt2obj(identifier, 1));
    const int at = X509_get_ext_by_OBJ(certificate, object.get(), -1);
    BOOST_REQUIRE(at >= 0);
    const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(X509_get_ext(certificate, at));
    const unsigned char* bytes = ASN1_STRING_get0_data(value);
    return {bytes, bytes + ASN1_STRING_length(value)};
}

bool is_signed_by(X509* certificate, ByteView issuer) {
    const openssl::Certificate by = read(issuer);
    return X509_check_issued(by.get(), certificate) == X509_V_OK &&
           X509_verify(certificate, X509_get0_pubkey(by.get())) == 1;
}

} // namespace

BOOST_AUTO_TEST_SUITE(piv_yubico_attest)

BOOST_AUTO_TEST_CASE(the_attestation_key_signs_for_a_key_made_here) {
    for (const Algorithm attesting : {Algorithm::p256, Algorithm::rsa2048}) {
        const Maker maker(attesting);
        for (const char* parameters : {"AC03800111", "AC03800114", "AC03800107"}) {
            Token card(maker);
            const Bytes public_key = card.generate(0x9A, parameters);
            card.power_cycle(); // nobody has to prove anything
            const ResponseApdu answer = card.attest(0x9A);
            BOOST_REQUIRE_EQUAL(answer.status.value(), 0x9000);
            const openssl::Certificate certificate = read(answer.data);
            BOOST_TEST(is_signed_by(certificate.get(), maker.authority.certificate()));
            const auto facts = emulator::read_certificate(card.crypto(), answer.data).value();
            BOOST_TEST(facts.subject == "CN=YubiKey PIV Attestation 9a");
            BOOST_TEST(facts.issuer == fmt::format("CN={}", harness::TestAuthority::common_name));
            BOOST_CHECK(facts.not_before == maker_validity.not_before);
            BOOST_CHECK(facts.not_after == maker_validity.not_after);
            BOOST_TEST(facts.serial.size() == 32U);
            const std::shared_ptr<EVP_PKEY> certified(X509_get_pubkey(certificate.get()), EVP_PKEY_free);
            BOOST_CHECK(emulator::PrivateKey::adopt(card.crypto(), certified)->public_key_template() ==
                        public_key);
        }
    }
}

BOOST_AUTO_TEST_CASE(extensions_tell_firmware_serial_policies_and_form) {
    const Maker maker(Algorithm::p256);
    test::Setup setup = test::yubico_setup();
    setup.config.piv.yubico->serial = 0x80'00'00'01U;
    Token card(maker, setup);
    const auto attested = [&card](std::uint8_t slot, std::string_view parameters) {
        (void)card.generate(slot, parameters);
        return read(card.attest(slot).data);
    };
    const openssl::Certificate certificate = attested(0x9C, "AC03800111");
    BOOST_CHECK(extension(certificate.get(), "1.3.6.1.4.1.41482.3.3") == hex("050403"));
    BOOST_CHECK(extension(certificate.get(), "1.3.6.1.4.1.41482.3.7") == hex("02050080000001"));
    BOOST_CHECK(extension(certificate.get(), "1.3.6.1.4.1.41482.3.8") == hex("0301"));
    BOOST_CHECK(extension(certificate.get(), "1.3.6.1.4.1.41482.3.9") == hex("01"));
    BOOST_CHECK(extension(attested(0x95, "AC06800111AA0101").get(), "1.3.6.1.4.1.41482.3.8") == hex("0101"));
    BOOST_CHECK(extension(attested(0x9E, "AC03800111").get(), "1.3.6.1.4.1.41482.3.8") == hex("0101"));
    BOOST_CHECK(extension(attested(0x9A, "AC03800111").get(), "1.3.6.1.4.1.41482.3.8") == hex("0201"));
}

BOOST_AUTO_TEST_CASE(each_attestation_has_a_serial_number_of_its_own) {
    const Maker maker(Algorithm::p256);
    Token card(maker);
    (void)card.generate(0x9A, "AC03800111");
    const auto first = emulator::read_certificate(card.crypto(), card.attest(0x9A).data).value();
    const auto second = emulator::read_certificate(card.crypto(), card.attest(0x9A).data).value();
    BOOST_TEST(first.serial != second.serial);
}

BOOST_AUTO_TEST_CASE(what_came_from_outside_is_not_vouched_for) {
    const Maker maker(Algorithm::p256);
    Token card(maker);
    BOOST_TEST(card.attest(0x9A).status.value() == 0x6A80); // nothing there
    BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
    const test::OutsideKey key(Algorithm::p256);
    BOOST_REQUIRE_EQUAL(card.send(CommandApdu(0x00, 0xFE, 0x11, 0x9A, key.import_field())).status.value(),
                        0x9000);
    BOOST_TEST(card.attest(0x9A).status.value() == 0x6A80);
    (void)card.generate(0x9A, "AC03800111");
    BOOST_TEST(card.attest(0x9A).status.value() == 0x9000);
}

BOOST_AUTO_TEST_CASE(without_a_key_and_a_certificate_to_vouch_with_there_is_no_attestation) {
    PivCard bare(test::yubico_setup());
    BOOST_REQUIRE_EQUAL(bare.authenticate(), 0x9000);
    BOOST_REQUIRE_EQUAL(bare.status("0047009A05AC0380011100"), 0x9000);
    BOOST_TEST(bare.status("00F99A00") == 0x6A88);
    BOOST_REQUIRE_EQUAL(bare.status("004700F905AC0380011100"), 0x9000);
    BOOST_TEST(bare.status("00F99A00") == 0x6A88);
    BOOST_REQUIRE_EQUAL(bare.put_data(0x5FFF01, hex("70033000AA710100FE00")), 0x9000); // no certificate
    BOOST_TEST(bare.status("00F99A00") == 0x6A88);
    BOOST_REQUIRE_EQUAL(bare.put_data(0x5FFF01, hex("8001AA")), 0x9000);
    BOOST_TEST(bare.status("00F99A00") == 0x6A88);
}

// Hosts replace the maker's key by one of their own: generated, with a certificate from elsewhere.
BOOST_AUTO_TEST_CASE(a_new_attestation_key_vouches_from_then_on) {
    const Maker maker(Algorithm::p256);
    Token card(maker);
    (void)card.generate(0x9A, "AC03800111");
    (void)card.generate(0xF9, "AC03800111");
    const openssl::Certificate with_old_name = read(card.attest(0x9A).data);
    BOOST_TEST(!is_signed_by(with_old_name.get(), maker.authority.certificate()));
    const Maker other(Algorithm::p256);
    card.fit(piv::key_object(piv::attestation_key),
             piv::StoredKey{Algorithm::p256, piv::KeyOrigin::imported, 0, other.pkcs8}.encode());
    BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
    BOOST_REQUIRE_EQUAL(card.put_data(0x5FFF01, piv::certificate_container(other.authority.certificate())),
                        0x9000);
    BOOST_TEST(is_signed_by(read(card.attest(0x9A).data).get(), other.authority.certificate()));
}

BOOST_AUTO_TEST_CASE(a_seed_determines_the_attestation) {
    const Maker maker(Algorithm::p256);
    const auto attested = [&maker](std::uint64_t seed) {
        test::Setup setup = test::yubico_setup();
        setup.seed = seed;
        Token card(maker, setup);
        (void)card.generate(0x9A, "AC03800111");
        return card.attest(0x9A).data;
    };
    BOOST_CHECK(attested(1) == attested(1));
    BOOST_CHECK(attested(1) != attested(2));
}

BOOST_AUTO_TEST_SUITE_END()
