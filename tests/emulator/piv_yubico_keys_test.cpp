// Keys that come from outside, move and go, and what a key token tells of them. The keys are OpenSSL's, and
// it checks what the card does with them.
#include "tests/emulator/verify_with_openssl.h"
#include "tests/emulator/yubico_card.h"

#include "apdu/ber_tlv.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <string>

namespace test = cardrig::tests;
namespace apdu = cardrig::apdu;
namespace emulator = cardrig::emulator;
using apdu::Bytes;
using apdu::CommandApdu;
using apdu::ResponseApdu;
using emulator::Algorithm;
using test::hex;
using test::OutsideKey;
using test::PivCard;

namespace {

const Bytes digest = emulator::sha256(hex("CAFE"));

class Token : public PivCard {
public:
    explicit Token(const test::Setup& setup = test::yubico_setup()) : PivCard(setup) { log_in(); }

    void log_in() {
        BOOST_REQUIRE_EQUAL(authenticate(), 0x9000);
        BOOST_REQUIRE_EQUAL(verify(), 0x9000);
    }
    std::uint16_t import(std::uint8_t slot, Algorithm algorithm, const Bytes& field) {
        return chained(CommandApdu(0x00, 0xFE, static_cast<std::uint8_t>(algorithm), slot, field))
            .status.value();
    }
    std::uint16_t import(std::uint8_t slot, const OutsideKey& key) {
        return import(slot, key.algorithm(), key.import_field());
    }
    ResponseApdu metadata(std::uint8_t slot) { return chained(CommandApdu(0x00, 0xF7, 0x00, slot, {}, 256)); }
    std::uint16_t generate(std::uint8_t slot, std::string_view parameters) {
        return chained(CommandApdu(0x00, 0x47, 0x00, slot, hex(parameters))).status.value();
    }
    ResponseApdu use(std::uint8_t slot, Algorithm algorithm, const Bytes& input) {
        Bytes elements = hex("8200");
        apdu::append_tlv(elements, 0x81, input);
        return chained(CommandApdu(0x00, 0x87, static_cast<std::uint8_t>(algorithm), slot,
                                   apdu::make_tlv(0x7C, elements), 256));
    }
};

Bytes response_in(const ResponseApdu& answer) {
    BOOST_REQUIRE_EQUAL(answer.status.value(), 0x9000);
    const auto outer = apdu::parse_tlvs(answer.data).value();
    const auto value = apdu::find_tlv(apdu::parse_tlvs(outer.at(0).value).value(), 0x82).value();
    return {value.begin(), value.end()};
}

/// Whether the card signs with this very key.
bool works(Token& card, std::uint8_t slot, const OutsideKey& key) {
    const Algorithm algorithm = key.algorithm();
    if (emulator::is_elliptic(algorithm)) {
        return cardrig::test::ecdsa_verifies(key.subject_public_key_info(), digest,
                                             response_in(card.use(slot, algorithm, digest)));
    }
    Bytes block(emulator::field_size(algorithm), 0x5A);
    block.front() = 0x00;
    const Bytes result = response_in(card.use(slot, algorithm, block));
    return cardrig::test::rsa_public_operation(key.subject_public_key_info(), result) == block;
}

Bytes element(const Bytes& metadata, apdu::Tag tag) {
    const auto value = apdu::find_tlv(apdu::parse_tlvs(metadata).value(), tag).value();
    return {value.begin(), value.end()};
}

Bytes plus_one(Bytes number) {
    ++number.back();
    return number;
}

} // namespace

BOOST_AUTO_TEST_SUITE(piv_yubico_keys)

BOOST_AUTO_TEST_CASE(an_imported_key_works) {
    for (const Algorithm algorithm :
         {Algorithm::rsa1024, Algorithm::rsa2048, Algorithm::p256, Algorithm::p384}) {
        BOOST_TEST_CONTEXT(emulator::name(algorithm)) {
            const OutsideKey key(algorithm);
            Token card;
            BOOST_TEST(card.import(0x9A, key) == 0x9000);
            BOOST_TEST(works(card, 0x9A, key));
            card.power_cycle();
            card.log_in();
            BOOST_TEST(works(card, 0x9A, key));
        }
    }
}

BOOST_AUTO_TEST_CASE(newer_firmware_takes_longer_rsa_keys) {
    for (const Algorithm algorithm : {Algorithm::rsa3072, Algorithm::rsa4096}) {
        const OutsideKey key(algorithm);
        Token older;
        BOOST_TEST(older.import(0x82, key) == 0x6A86);
        Token newer(test::yubico_setup(test::firmware_5_7));
        BOOST_TEST(newer.import(0x82, key) == 0x9000);
        BOOST_TEST(works(newer, 0x82, key));
    }
}

// libykpiv sends blocks of 255 bytes, others one extended command.
BOOST_AUTO_TEST_CASE(an_import_may_come_in_one_extended_command) {
    const OutsideKey key(Algorithm::rsa2048);
    Token card;
    BOOST_TEST(card.send(CommandApdu(0x00, 0xFE, 0x07, 0x9D, key.import_field())).status.value() == 0x9000);
    BOOST_TEST(works(card, 0x9D, key));
}

BOOST_AUTO_TEST_CASE(metadata_tell_what_a_key_is) {
    Token card;
    const OutsideKey key(Algorithm::p256);
    BOOST_REQUIRE_EQUAL(card.import(0x9C, key), 0x9000);
    Bytes expected = hex("010111 02020301 030102");
    apdu::append_tlv(expected, 0x04, key.public_key_template());
    BOOST_CHECK(card.metadata(0x9C).data == expected);
    const OutsideKey rsa(Algorithm::rsa2048);
    BOOST_REQUIRE_EQUAL(card.import(0x82, rsa), 0x9000);
    expected = hex("010107 02020201 030102");
    apdu::append_tlv(expected, 0x04, rsa.public_key_template());
    BOOST_CHECK(card.metadata(0x82).data == expected);

    const ResponseApdu generated = card.chained(CommandApdu(0x00, 0x47, 0x00, 0x9E, hex("AC03800114"), 256));
    expected = hex("010114 02020101 030101");
    const auto made = apdu::parse_tlvs(generated.data).value();
    apdu::append_tlv(expected, 0x04, made.at(0).value);
    BOOST_CHECK(card.metadata(0x9E).data == expected);
    card.power_cycle(); // nobody has to prove anything
    BOOST_CHECK(card.metadata(0x9E).data == expected);
}

// No answer is longer than a short one holds: tools have no room for more.
BOOST_AUTO_TEST_CASE(long_metadata_come_in_pieces) {
    Token card;
    BOOST_REQUIRE_EQUAL(card.import(0x82, OutsideKey(Algorithm::rsa2048)), 0x9000);
    const ResponseApdu first = card.send("00F70082");
    BOOST_TEST(first.data.size() == 256U);
    BOOST_TEST(first.status.sw1() == 0x61);
    BOOST_TEST(card.send("00C0000000").status.value() == 0x9000);
}

BOOST_AUTO_TEST_CASE(policies_of_an_import_hold) {
    Token card;
    const OutsideKey key(Algorithm::p256);
    const auto with = [&key](std::string_view policies) {
        Bytes field = key.import_field();
        const Bytes more = hex(policies);
        field.insert(field.end(), more.begin(), more.end());
        return field;
    };
    BOOST_TEST(card.import(0x9A, Algorithm::p256, with("AA0101AB0101")) == 0x9000);
    BOOST_CHECK(element(card.metadata(0x9A).data, 0x02) == hex("0101"));
    BOOST_TEST(card.import(0x9D, Algorithm::p256, with("AA0103")) == 0x9000);
    BOOST_CHECK(element(card.metadata(0x9D).data, 0x02) == hex("0301"));
    BOOST_TEST(works(card, 0x9D, key));
    BOOST_TEST(card.use(0x9D, Algorithm::p256, digest).status.value() == 0x6982); // one for each VERIFY
    card.power_cycle();
    BOOST_TEST(works(card, 0x9A, key)); // never
    BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
    for (const char* wrong :
         {"AA0104", "AA020101", "AA00", "AB0102", "AA0101AA0101", "AB0100AB0100", "AC0101", "0700"}) {
        BOOST_TEST_CONTEXT(wrong) {
            BOOST_TEST(card.import(0x9A, Algorithm::p256, with(wrong)) == 0x6A80);
        }
    }
}

BOOST_AUTO_TEST_CASE(an_import_needs_the_administrator_and_keeps_what_was_there) {
    Token card;
    const OutsideKey key(Algorithm::p256);
    BOOST_REQUIRE_EQUAL(card.import(0x9A, key), 0x9000);
    card.power_cycle();
    BOOST_TEST(card.import(0x9A, OutsideKey(Algorithm::p384)) == 0x6982);
    BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
    BOOST_TEST(card.import(0x9A, Algorithm::p384, hex("0600")) == 0x6A80);
    BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
    BOOST_TEST(works(card, 0x9A, key));
}

BOOST_AUTO_TEST_CASE(numbers_that_contradict_each_other_are_refused) {
    Token card;
    const auto import = [&card](const std::vector<Bytes>& numbers, Algorithm algorithm = Algorithm::rsa1024) {
        return card.import(0x9A, algorithm, test::import_field(Algorithm::rsa1024, numbers));
    };
    const std::vector<Bytes> right = OutsideKey(Algorithm::rsa1024).numbers();
    for (std::size_t at = 0; at < right.size(); ++at) {
        BOOST_TEST_CONTEXT("number " << at + 1) {
            std::vector<Bytes> numbers = right;
            for (const Bytes& wrong : {plus_one(right.at(at)), Bytes(64, 0x00), Bytes(), Bytes(65, 0x01)}) {
                numbers.at(at) = wrong;
                BOOST_TEST(import(numbers) == 0x6A80);
            }
            numbers.erase(numbers.begin() + static_cast<std::ptrdiff_t>(at));
            BOOST_TEST(import(numbers) == 0x6A80);
        }
    }
    std::vector<Bytes> twins = right;
    twins.at(1) = twins.at(0);
    BOOST_TEST(import(twins) == 0x6A80);
    BOOST_TEST(import(right, Algorithm::rsa2048) == 0x6A80); // of another length than the command says
    BOOST_TEST(card.metadata(0x9A).status.value() == 0x6A88);
    BOOST_TEST(import(right) == 0x9000);
}

BOOST_AUTO_TEST_CASE(private_numbers_out_of_range_are_refused) {
    Token card;
    // SEC 2, 2.4.2: the order of P-256.
    const std::string order = "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551";
    const std::string last = "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632550";
    BOOST_TEST(card.import(0x9A, Algorithm::p256, hex("0620" + order)) == 0x6A80);
    BOOST_TEST(card.import(0x9A, Algorithm::p256, hex("0620" + std::string(64, 'F'))) == 0x6A80);
    BOOST_TEST(card.import(0x9A, Algorithm::p256, hex("0620" + std::string(64, '0'))) == 0x6A80);
    BOOST_TEST(card.import(0x9A, Algorithm::p256, hex("061F" + std::string(62, '1'))) == 0x6A80);
    BOOST_TEST(card.import(0x9A, Algorithm::p256, hex("0621" + std::string(66, '1'))) == 0x6A80);
    BOOST_TEST(card.import(0x9A, Algorithm::p256, {}) == 0x6A80);
    BOOST_TEST(card.import(0x9A, Algorithm::p256, hex("0620" + last)) == 0x9000);
    // SEC 2, 2.4.2: for 1 the public point is the curve's base point.
    BOOST_TEST(card.import(0x9A, Algorithm::p256, hex("0620" + std::string(63, '0') + "1")) == 0x9000);
    BOOST_CHECK(element(card.metadata(0x9A).data, 0x04) ==
                hex("8641046B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296"
                    "4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5"));
}

BOOST_AUTO_TEST_CASE(a_key_moves_with_all_that_belongs_to_it) {
    Token card(test::yubico_setup(test::firmware_5_7));
    const OutsideKey key(Algorithm::p256);
    BOOST_REQUIRE_EQUAL(card.import(0x9C, key), 0x9000);
    BOOST_REQUIRE_EQUAL(card.put_data(0x5FC10A, hex("8001AA")), 0x9000);
    const Bytes before = card.metadata(0x9C).data;
    BOOST_TEST(works(card, 0x9C, key));
    BOOST_TEST(card.status("00F6829C") == 0x9000);
    for (int twice = 0; twice < 2; ++twice) {
        BOOST_CHECK(card.metadata(0x82).data == before); // it asks for the passcode each time, as it did
        BOOST_TEST(card.metadata(0x9C).status.value() == 0x6A88);
        BOOST_CHECK(card.get_data(0x5FC10A).data == hex("53038001AA")); // a certificate stays
        BOOST_TEST(card.use(0x9C, Algorithm::p256, digest).status.value() == 0x6A86);
        BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
        BOOST_TEST(works(card, 0x82, key));
        BOOST_TEST(card.use(0x82, Algorithm::p256, digest).status.value() == 0x6982);
        card.power_cycle();
        card.log_in();
    }
}

BOOST_AUTO_TEST_CASE(a_key_moves_into_an_empty_slot_alone) {
    Token card(test::yubico_setup(test::firmware_5_7));
    const OutsideKey key(Algorithm::p256);
    const OutsideKey other(Algorithm::p384);
    BOOST_REQUIRE_EQUAL(card.import(0x9A, key), 0x9000);
    BOOST_REQUIRE_EQUAL(card.import(0x9D, other), 0x9000);
    BOOST_REQUIRE_EQUAL(card.import(0xF9, key), 0x9000);
    BOOST_TEST(card.status("00F69D9A") == 0x6A80); // occupied
    BOOST_TEST(card.status("00F69A9A") == 0x6A80);
    BOOST_TEST(card.status("00F6829E") == 0x6A88); // nothing there
    for (const char* command : {"00F682F9", "00F6F99A", "00F6829B", "00F69B9A", "00F6FF9B", "00F60080"}) {
        BOOST_TEST(card.status(command) == 0x6A80); // no slot that a key can move from or to
    }
    BOOST_TEST(works(card, 0x9A, key));
    BOOST_TEST(works(card, 0x9D, other));
}

BOOST_AUTO_TEST_CASE(a_deleted_key_is_gone) {
    Token card(test::yubico_setup(test::firmware_5_7));
    const OutsideKey key(Algorithm::p256);
    for (const std::uint8_t slot : Bytes{0x9A, 0xF9}) {
        BOOST_REQUIRE_EQUAL(card.import(slot, key), 0x9000);
        const CommandApdu command(0x00, 0xF6, 0xFF, slot);
        BOOST_TEST(card.send(command).status.value() == 0x9000);
        BOOST_TEST(card.metadata(slot).status.value() == 0x6A88);
        BOOST_TEST(card.send(command).status.value() == 0x6A88);
    }
    BOOST_TEST(card.use(0x9A, Algorithm::p256, digest).status.value() == 0x6A86);
}

BOOST_AUTO_TEST_CASE(a_seed_determines_what_comes_after_an_import) {
    const auto signature = [](std::uint64_t seed) {
        test::Setup setup = test::yubico_setup();
        setup.seed = seed;
        Token card(setup);
        BOOST_REQUIRE_EQUAL(card.import(0x82, OutsideKey(Algorithm::rsa1024)), 0x9000);
        BOOST_REQUIRE_EQUAL(card.import(0x9A, OutsideKey(Algorithm::p256)), 0x9000);
        return response_in(card.use(0x9A, Algorithm::p256, digest));
    };
    BOOST_CHECK(signature(1) == signature(1));
    BOOST_CHECK(signature(1) != signature(2));
}

BOOST_AUTO_TEST_SUITE_END()
