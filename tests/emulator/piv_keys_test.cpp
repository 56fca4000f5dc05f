// Key pairs: made on the card, used by it, checked by OpenSSL with the public key that the card gave (SP
// 800-73-4 part 2, 3.2.4 and 3.3.2).
#include "tests/emulator/piv_card.h"
#include "tests/emulator/public_key.h"

#include "apdu/ber_tlv.h"

#include <boost/test/unit_test.hpp>

#include <string_view>

namespace test = cardrig::tests;
namespace apdu = cardrig::apdu;
namespace emulator = cardrig::emulator;
using apdu::Bytes;
using apdu::CommandApdu;
using apdu::ResponseApdu;
using emulator::Algorithm;
using test::hex;
using test::PivCard;

namespace {

test::Setup setup_with(std::vector<Algorithm> algorithms) {
    test::Setup setup;
    setup.config.piv.algorithms = std::move(algorithms);
    return setup;
}

Bytes slots(std::initializer_list<std::uint8_t> references) {
    return references;
}

const Bytes digest = emulator::sha256(hex("CAFE"));

class KeyCard : public PivCard {
public:
    explicit KeyCard(const test::Setup& setup = {}) : PivCard(setup) {
        BOOST_REQUIRE_EQUAL(authenticate(), 0x9000);
    }

    /// What the card answers: 7F49.
    Bytes generate(std::uint8_t slot, Algorithm algorithm) {
        const Bytes mechanism{static_cast<std::uint8_t>(algorithm)};
        const Bytes parameters = apdu::make_tlv(0xAC, apdu::make_tlv(0x80, mechanism));
        ResponseApdu answer = chained(CommandApdu(0x00, 0x47, 0x00, slot, parameters));
        BOOST_REQUIRE_EQUAL(answer.status.value(), 0x9000);
        return answer.data;
    }

    ResponseApdu use(std::uint8_t slot, Algorithm algorithm, const Bytes& elements) {
        return chained(CommandApdu(0x00, 0x87, static_cast<std::uint8_t>(algorithm), slot,
                                   apdu::make_tlv(0x7C, elements), 256));
    }

    ResponseApdu sign(std::uint8_t slot, Algorithm algorithm, const Bytes& input) {
        Bytes elements = hex("8200");
        apdu::append_tlv(elements, 0x81, input);
        return use(slot, algorithm, elements);
    }
};

/// The one element of the answer, which has to be a response (82).
Bytes response_in(const ResponseApdu& answer) {
    BOOST_REQUIRE_EQUAL(answer.status.value(), 0x9000);
    const auto outer = apdu::parse_tlvs(answer.data).value();
    BOOST_REQUIRE_EQUAL(outer.at(0).tag, 0x7CU);
    const auto inner = apdu::parse_tlvs(outer.at(0).value).value();
    BOOST_REQUIRE_EQUAL(inner.at(0).tag, 0x82U);
    return {inner.at(0).value.begin(), inner.at(0).value.end()};
}

Bytes without_leading_zeros(const Bytes& bytes, std::size_t size) {
    return {bytes.end() - static_cast<std::ptrdiff_t>(size), bytes.end()};
}

} // namespace

BOOST_AUTO_TEST_SUITE(piv_keys)

BOOST_AUTO_TEST_CASE(generated_rsa_keys_sign) {
    for (const Algorithm algorithm :
         {Algorithm::rsa1024, Algorithm::rsa2048, Algorithm::rsa3072, Algorithm::rsa4096}) {
        KeyCard card(setup_with({algorithm}));
        const test::PublicKey key(card.generate(0x9A, algorithm));
        BOOST_TEST(key.size() == emulator::field_size(algorithm));
        BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
        const Bytes signature = response_in(card.sign(0x9A, algorithm, key.signature_block(digest)));
        BOOST_TEST(signature.size() == key.size());
        BOOST_TEST(key.verifies(signature, digest));
    }
}

BOOST_AUTO_TEST_CASE(generated_curve_keys_sign) {
    for (const Algorithm algorithm : {Algorithm::p256, Algorithm::p384}) {
        for (const std::uint8_t slot : slots({0x9A, 0x9C, 0x9D, 0x9E, 0x82, 0x95})) {
            KeyCard card(setup_with({algorithm}));
            const test::PublicKey key(card.generate(slot, algorithm));
            BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
            BOOST_TEST(key.verifies(response_in(card.sign(slot, algorithm, digest)), digest));
        }
    }
}

// What hosts parse: 7F49 82 0109 81 82 0100 .. 82 03 010001, and 7F49 43 86 41 04 ..
BOOST_AUTO_TEST_CASE(public_keys_have_the_lengths_that_hosts_rely_on) {
    KeyCard card(setup_with({Algorithm::rsa1024, Algorithm::rsa2048, Algorithm::p256}));
    const Bytes rsa2048 = card.generate(0x9A, Algorithm::rsa2048);
    BOOST_TEST(rsa2048.size() == 270U);
    BOOST_TEST(Bytes(rsa2048.begin(), rsa2048.begin() + 9) == hex("7F49820109 81820100"));
    BOOST_TEST(Bytes(rsa2048.end() - 5, rsa2048.end()) == hex("8203010001"));
    const Bytes rsa1024 = card.generate(0x9A, Algorithm::rsa1024);
    BOOST_TEST(Bytes(rsa1024.begin(), rsa1024.begin() + 7) == hex("7F498188 818180"));
    const Bytes p256 = card.generate(0x9A, Algorithm::p256);
    BOOST_TEST(p256.size() == 70U);
    BOOST_TEST(Bytes(p256.begin(), p256.begin() + 6) == hex("7F4943 864104"));
}

BOOST_AUTO_TEST_CASE(a_key_survives_power_and_the_new_one_replaces_the_old) {
    KeyCard card;
    const test::PublicKey old_key(card.generate(0x9A, Algorithm::p256));
    card.power_cycle();
    BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
    BOOST_TEST(old_key.verifies(response_in(card.sign(0x9A, Algorithm::p256, digest)), digest));
    BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
    const test::PublicKey new_key(card.generate(0x9A, Algorithm::p256));
    const Bytes signature = response_in(card.sign(0x9A, Algorithm::p256, digest));
    BOOST_TEST(new_key.verifies(signature, digest));
    BOOST_TEST(!old_key.verifies(signature, digest));
}

BOOST_AUTO_TEST_CASE(generation_leaves_the_certificate_alone) {
    KeyCard card;
    BOOST_REQUIRE_EQUAL(card.put_data(0x5FC105, hex("70013071010FFE00")), 0x9000);
    (void)card.generate(0x9A, Algorithm::p256);
    BOOST_TEST(card.get_data(0x5FC105).data == hex("5308 70013071010FFE00"));
}

BOOST_AUTO_TEST_CASE(generation_that_does_not_fit_changes_nothing) {
    test::Setup setup = setup_with({Algorithm::p256, Algorithm::rsa3072});
    setup.config.geometry.blocks = 32;
    KeyCard card(setup);
    const test::PublicKey key(card.generate(0x9A, Algorithm::p256));
    apdu::Tag tag = 0x5FC10D;
    for (std::size_t size = 4096; size >= 16; size /= 2) {
        while (tag <= 0x5FC120 && card.put_data(tag, Bytes(size, 0x5A)) == 0x9000) {
            ++tag;
        }
    }
    BOOST_TEST(card.put_data(0x5FC108, Bytes(4096, 0x5A)) == 0x6A84);
    BOOST_TEST(card.get_data(0x5FC108).status.value() == 0x6982);
    BOOST_TEST(card.status("0047009A05AC03800105") == 0x6A84);
    BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
    BOOST_TEST(card.get_data(0x5FC108).status.value() == 0x6A82);
    BOOST_TEST(key.verifies(response_in(card.sign(0x9A, Algorithm::p256, digest)), digest));
}

// Deviates from SP 800-73-4 part 2, appendix A.4, which has the digest as long as the field: hosts pass SHA-1
// and odd lengths, and mean a number with zeros in front.
BOOST_AUTO_TEST_CASE(short_digests_are_signed_as_numbers) {
    KeyCard card;
    const test::PublicKey key(card.generate(0x9A, Algorithm::p256));
    BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
    for (const std::size_t size : {1U, 20U, 30U, 31U, 32U}) {
        const Bytes short_digest = without_leading_zeros(digest, size);
        Bytes as_number(32 - size, 0x00);
        as_number.insert(as_number.end(), short_digest.begin(), short_digest.end());
        const Bytes signature = response_in(card.sign(0x9A, Algorithm::p256, short_digest));
        BOOST_TEST_CONTEXT(size) {
            BOOST_TEST(key.verifies(signature, as_number));
        }
    }
    BOOST_TEST(card.sign(0x9A, Algorithm::p256, Bytes(33)).status.value() == 0x6A80);
}

BOOST_AUTO_TEST_CASE(rsa_deciphers_and_refuses_what_is_no_residue) {
    KeyCard card(setup_with({Algorithm::rsa1024}));
    const test::PublicKey key(card.generate(0x9D, Algorithm::rsa1024));
    BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
    Bytes plain(128, 0x33);
    plain.front() = 0;
    BOOST_TEST(response_in(card.sign(0x9D, Algorithm::rsa1024, key.encrypt_raw(plain))) == plain);
    BOOST_TEST(card.sign(0x9D, Algorithm::rsa1024, Bytes(128, 0xFF)).status.value() == 0x6A80);
    BOOST_TEST(card.sign(0x9D, Algorithm::rsa1024, Bytes(127, 0x01)).status.value() == 0x6A80);
    BOOST_TEST(card.sign(0x9D, Algorithm::rsa1024, Bytes(129, 0x00)).status.value() == 0x6A80);
    BOOST_TEST(card.use(0x9D, Algorithm::rsa1024, hex("8200850104")).status.value() == 0x6A80);
}

BOOST_AUTO_TEST_CASE(key_management_keys_agree_on_secrets_and_no_others_do) {
    for (const Algorithm curve : {Algorithm::p256, Algorithm::p384}) {
        const test::HostKey host(curve == Algorithm::p256 ? "P-256" : "P-384");
        for (const std::uint8_t slot : slots({0x9D, 0x82, 0x95, 0x9A, 0x9C, 0x9E})) {
            KeyCard card(setup_with({curve}));
            const Bytes public_key = card.generate(slot, curve);
            BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
            Bytes elements = hex("8200");
            apdu::append_tlv(elements, 0x85, host.point());
            const ResponseApdu answer = card.use(slot, curve, elements);
            if (slot >= 0x9A && slot != 0x9D) {
                BOOST_TEST(answer.status.value() == 0x6A80);
            } else {
                BOOST_TEST(response_in(answer) == host.agree(public_key));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_point_that_is_not_on_the_curve_is_refused) {
    KeyCard card;
    (void)card.generate(0x9D, Algorithm::p256);
    BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
    Bytes point = test::HostKey().point();
    point.back() ^= 1U;
    Bytes elements = hex("8200");
    apdu::append_tlv(elements, 0x85, point);
    BOOST_TEST(card.use(0x9D, Algorithm::p256, elements).status.value() == 0x6A80);
    elements = hex("8200");
    apdu::append_tlv(elements, 0x85, test::HostKey("P-384").point()); // on another curve
    BOOST_TEST(card.use(0x9D, Algorithm::p256, elements).status.value() == 0x6A80);
}

BOOST_AUTO_TEST_CASE(each_slot_has_its_own_rule_for_the_passcode) {
    KeyCard card;
    for (const std::uint8_t slot : slots({0x9A, 0x9C, 0x9D, 0x9E, 0x82})) {
        (void)card.generate(slot, Algorithm::p256);
    }
    const auto signs = [&card](std::uint8_t slot) {
        return card.sign(slot, Algorithm::p256, digest).status.value();
    };
    for (const std::uint8_t slot : slots({0x9A, 0x9C, 0x9D, 0x82})) {
        BOOST_TEST(signs(slot) == 0x6982);
    }
    BOOST_TEST(signs(0x9E) == 0x9000);
    BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
    BOOST_TEST(signs(0x9A) == 0x9000);
    BOOST_TEST(signs(0x9A) == 0x9000);
    BOOST_TEST(signs(0x9D) == 0x9000);
    BOOST_TEST(signs(0x82) == 0x9000);
    BOOST_TEST(signs(0x9C) == 0x9000);
    BOOST_TEST(signs(0x9C) == 0x6982); // always: one VERIFY for each
    BOOST_TEST(signs(0x9A) == 0x9000);
    BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
    BOOST_TEST(signs(0x9C) == 0x9000);
}

BOOST_AUTO_TEST_CASE(a_failed_signature_uses_the_passcode_up_too) {
    KeyCard card;
    (void)card.generate(0x9C, Algorithm::p256);
    BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
    BOOST_TEST(card.sign(0x9C, Algorithm::p256, Bytes(33)).status.value() == 0x6A80);
    BOOST_TEST(card.sign(0x9C, Algorithm::p256, digest).status.value() == 0x6982);
}

// Deviates from SP 800-73-4 part 1, table 4b, unless the card is configured to the letter.
BOOST_AUTO_TEST_CASE(changing_the_passcode_verifies_it_but_gives_no_signature_of_its_own) {
    KeyCard card;
    (void)card.generate(0x9A, Algorithm::p256);
    (void)card.generate(0x9C, Algorithm::p256);
    const auto change = [&card](std::string_view from, std::string_view to) {
        return card.status("0024008010" + test::block(from) + test::block(to));
    };
    const auto signs = [&card](std::uint8_t slot) {
        return card.sign(slot, Algorithm::p256, digest).status.value();
    };
    BOOST_REQUIRE_EQUAL(change("123456", "654321"), 0x9000);
    BOOST_TEST(signs(0x9A) == 0x9000);
    BOOST_TEST(signs(0x9C) == 0x6982);
    BOOST_REQUIRE_EQUAL(card.verify("654321"), 0x9000);
    BOOST_REQUIRE_EQUAL(change("654321", "123456"), 0x9000);
    BOOST_TEST(signs(0x9C) == 0x9000); // what VERIFY gave is still there
    BOOST_TEST(signs(0x9C) == 0x6982);
}

BOOST_AUTO_TEST_CASE(commands_between_verify_and_signature_matter_to_a_strict_card_only) {
    for (const bool strict : {false, true}) {
        test::Setup setup;
        setup.config.piv.strict_signature_passcode = strict;
        KeyCard card(setup);
        (void)card.generate(0x9C, Algorithm::p256);
        BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
        BOOST_TEST(card.sign(0x9C, Algorithm::p256, digest).status.value() == 0x9000);
        for (const char* between : {"00CB3FFF035C017E00", "00200080", "00A4040005A000000308", "00FD0000",
                                    "00C00100", "00C0000001AA"}) {
            BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
            (void)card.send(between);
            BOOST_TEST_CONTEXT(between) {
                BOOST_TEST(card.sign(0x9C, Algorithm::p256, digest).status.value() ==
                           (strict ? 0x6982 : 0x9000));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(blocks_of_the_signing_command_do_not_come_between) {
    test::Setup setup = setup_with({Algorithm::rsa2048});
    setup.config.piv.strict_signature_passcode = true;
    KeyCard card(setup);
    const test::PublicKey key(card.generate(0x9C, Algorithm::rsa2048));
    BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
    const Bytes signature = response_in(card.sign(0x9C, Algorithm::rsa2048, key.signature_block(digest)));
    BOOST_TEST(key.verifies(signature, digest));
    BOOST_TEST(card.sign(0x9C, Algorithm::rsa2048, key.signature_block(digest)).status.value() == 0x6982);
}

BOOST_AUTO_TEST_CASE(a_key_may_bring_its_own_rule_for_the_passcode) {
    test::Setup setup;
    setup.config.piv.yubico.emplace();
    KeyCard card(setup);
    BOOST_REQUIRE_EQUAL(card.status("0047009A08AC06800111AA0101"), 0x9000); // never
    BOOST_REQUIRE_EQUAL(card.status("0047009C08AC06800111AA0102"), 0x9000); // once
    BOOST_REQUIRE_EQUAL(card.status("0047009E08AC06800111AA0103"), 0x9000); // always
    card.power_cycle();
    const auto signs = [&card](std::uint8_t slot) {
        return card.sign(slot, Algorithm::p256, digest).status.value();
    };
    BOOST_TEST(signs(0x9A) == 0x9000);
    BOOST_TEST(signs(0x9C) == 0x6982);
    BOOST_TEST(signs(0x9E) == 0x6982);
    BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
    BOOST_TEST(signs(0x9E) == 0x9000);
    BOOST_TEST(signs(0x9E) == 0x6982);
    BOOST_TEST(signs(0x9C) == 0x9000);
    BOOST_TEST(signs(0x9C) == 0x9000);
}

BOOST_AUTO_TEST_CASE(the_passcode_being_lost_closes_the_keys) {
    KeyCard card;
    (void)card.generate(0x9A, Algorithm::p256);
    (void)card.generate(0x9C, Algorithm::p256);
    for (const auto& end : {std::string("0020FF80"), "0020008008" + test::block("999999")}) {
        BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
        (void)card.send(end);
        BOOST_TEST(card.sign(0x9A, Algorithm::p256, digest).status.value() == 0x6982);
        BOOST_TEST(card.sign(0x9C, Algorithm::p256, digest).status.value() == 0x6982);
    }
}

BOOST_AUTO_TEST_SUITE_END()
