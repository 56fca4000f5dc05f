// Which card has which of the commands that key tokens have beyond the standard, in which form they are
// taken, and in which order what is wrong with them is told.
#include "tests/emulator/yubico_card.h"

#include <boost/test/unit_test.hpp>

#include <string>

namespace test = cardrig::tests;
namespace apdu = cardrig::apdu;
namespace emulator = cardrig::emulator;
using apdu::Bytes;
using test::hex;
using test::PivCard;

namespace {

constexpr std::array<std::uint8_t, 3> firmware_4_3{4, 3, 5};
constexpr std::array<std::uint8_t, 3> firmware_5_2{5, 2, 7};

std::string zeros(std::size_t count) {
    return std::string(2 * count, '0');
}

/// Each command in a form that is fine, whatever it is answered.
std::vector<std::string> all_commands() {
    return {"00FD0000",
            "00F80000",
            "00F7009A",
            "00F99A00",
            "00FA0303",
            "00FE119A22"
            "0620" +
                zeros(32),
            "00FFFFFF1B039B18" + zeros(24),
            "00FB0000",
            "00F6829A"};
}

/// The instructions that are known.
std::string known_by(const test::Setup& setup) {
    PivCard card(setup);
    std::string known;
    for (const std::string& command : all_commands()) {
        if (card.status(command) != 0x6D00) {
            known += command.substr(2, 2) + " ";
        }
    }
    return known;
}

} // namespace

BOOST_AUTO_TEST_SUITE(piv_yubico_commands)

BOOST_AUTO_TEST_CASE(a_card_without_the_extensions_has_none) {
    BOOST_TEST(known_by({}) == "");
}

BOOST_AUTO_TEST_CASE(the_firmware_tells_which_there_are) {
    BOOST_TEST(known_by(test::yubico_setup(firmware_4_3)) == "FD F9 FA FE FF FB ");
    BOOST_TEST(known_by(test::yubico_setup(firmware_5_2)) == "FD F8 F9 FA FE FF FB ");
    BOOST_TEST(known_by(test::yubico_setup(test::firmware_5_4)) == "FD F8 F7 F9 FA FE FF FB ");
    BOOST_TEST(known_by(test::yubico_setup(test::firmware_5_7)) == "FD F8 F7 F9 FA FE FF FB F6 ");
}

BOOST_AUTO_TEST_CASE(version_and_serial_are_the_profiles) {
    PivCard card(test::yubico_setup());
    for (const char* command : {"00FD0000", "00FD000000", "00FD000003"}) {
        BOOST_CHECK(card.send(command).data == hex("050403"));
    }
    BOOST_CHECK(card.send("00F8000000").data == hex("00BC614E")); // 12345678
    BOOST_CHECK(card.send("00F80000").data == hex("00BC614E"));
}

BOOST_AUTO_TEST_CASE(wrong_parameters_are_refused_before_anything_else) {
    PivCard card(test::yubico_setup(test::firmware_5_7));
    for (const char* command :
         {"00FD0100", "00FD0001", "00F80100", "00F7019A", "00F99A01", "00F99B00", "00F9F900", "00FE119B",
          "00FE039A", "00FE559A", "00FFFEFF04039B1800", "00FFFFFD04039B1800", "00FB0100", "00FB0001"}) {
        BOOST_TEST_CONTEXT(command) {
            BOOST_TEST(card.status(command) == 0x6A86);
        }
    }
    // An algorithm that tokens know and this card was made without.
    test::Setup without_rsa = test::yubico_setup();
    without_rsa.config.piv.algorithms = {emulator::Algorithm::p256};
    BOOST_TEST(PivCard(without_rsa).status("00FE079A") == 0x6A86);
}

BOOST_AUTO_TEST_CASE(data_where_there_is_none_is_a_wrong_length) {
    PivCard card(test::yubico_setup(test::firmware_5_7));
    for (const char* command : {"00FD00000100", "00F800000100", "00F7009A0100", "00F99A000100",
                                "00FA03030100", "00FB00000100", "00F6829A0100", "00FFFFFF03039B00"}) {
        BOOST_TEST_CONTEXT(command) {
            BOOST_TEST(card.status(command) == 0x6700);
        }
    }
}

BOOST_AUTO_TEST_CASE(what_writes_needs_the_administrator_before_its_data_matter) {
    PivCard card(test::yubico_setup(test::firmware_5_7));
    for (const char* command : {"00FA0303", "00FA0000", "00FE119A", "00FE079A020000", "00FFFFFF1B",
                                "00FFFFFF0400000000", "00F6829A", "00F6FF9A", "00F6FFF9"}) {
        BOOST_TEST_CONTEXT(command) {
            const std::string whole =
                std::string(command) == "00FFFFFF1B" ? command + std::string("039B18") + zeros(24) : command;
            BOOST_TEST(card.status(whole) == 0x6982);
        }
    }
}

BOOST_AUTO_TEST_CASE(other_classes_and_chains_are_refused_as_everywhere) {
    PivCard card(test::yubico_setup());
    BOOST_TEST(card.status("80FD0000") == 0x6E00);
    BOOST_TEST(card.status("0CFD0000") == 0x6882);
    BOOST_TEST(card.status("10FA0303") == 0x6884);
    BOOST_TEST(card.status("10FFFFFF0100") == 0x6884);
    BOOST_TEST(card.status("10FE079A0101") == 0x9000); // a key is longer than one block
    BOOST_TEST(card.status("00FD0000") == 0x9000);     // what breaks into the chain is served
}

BOOST_AUTO_TEST_CASE(nothing_that_long_is_a_key) {
    PivCard card(test::yubico_setup());
    BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
    BOOST_TEST(card.chained(apdu::CommandApdu(0x00, 0xFE, 0x07, 0x9A, Bytes(2'049))).status.value() ==
               0x6700);
}

BOOST_AUTO_TEST_CASE(generation_takes_each_policy_that_there_is_once) {
    PivCard card(test::yubico_setup());
    BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
    BOOST_TEST(card.status("0047009A0BAC09800111AA0102AB0101") == 0x9000);
    for (const char* command :
         {"0047009A08AC06800111AA0104", "0047009A08AC06800111AB0102", "0047009A09AC07800111AA020101",
          "0047009A0BAC09800111AA0102AA0102", "0047009A0BAC09800111AB0101AB0101"}) {
        BOOST_TEST(card.status(command) == 0x6A80, command);
    }
}

BOOST_AUTO_TEST_CASE(objects_of_tokens_are_there_with_the_extensions_alone) {
    PivCard token(test::yubico_setup());
    BOOST_TEST(token.get_data(0x5FFF00).status.value() == 0x6A82);
    BOOST_TEST(token.put_data(0x5FFF00, hex("8000")) == 0x6982);
    BOOST_REQUIRE_EQUAL(token.authenticate(), 0x9000);
    for (const apdu::Tag tag : {0x5FFF00U, 0x5FFF01U, 0x5FFF10U, 0x5FFF15U, 0x5FFF7FU}) {
        const Bytes content = apdu::make_tlv(0x80, Bytes(300, static_cast<std::uint8_t>(tag)));
        BOOST_TEST(token.put_data(tag, content) == 0x9000);
        BOOST_CHECK(token.get_data(tag).data == apdu::make_tlv(0x53, content));
        BOOST_TEST(token.put_data(tag, {}) == 0x9000);
        BOOST_TEST(token.get_data(tag).status.value() == 0x6A82);
    }
    // The range ends where its numbers spell no tag of ISO/IEC 7816-4 any more.
    BOOST_TEST(token.status("00DB3FFF0A5C035FFFFF5303112233") == 0x9000);
    BOOST_CHECK(token.send("00CB3FFF055C035FFFFF00").data == hex("5303112233"));
    BOOST_TEST(token.put_data(0x5FFE7F, hex("8000")) == 0x6A81);

    PivCard plain;
    BOOST_REQUIRE_EQUAL(plain.authenticate(), 0x9000);
    BOOST_TEST(plain.get_data(0x5FFF00).status.value() == 0x6A82);
    BOOST_TEST(plain.put_data(0x5FFF00, hex("8000")) == 0x6A81);
}

BOOST_AUTO_TEST_CASE(the_attestation_key_is_made_with_the_extensions_alone) {
    const std::string generate = "004700F905AC0380011100";
    PivCard plain;
    BOOST_TEST(plain.status(generate) == 0x6A86); // before the administrator matters
    PivCard token(test::yubico_setup());
    BOOST_TEST(token.status(generate) == 0x6982);
    BOOST_REQUIRE_EQUAL(token.authenticate(), 0x9000);
    BOOST_TEST(token.status(generate) == 0x9000);
    // It vouches, and does nothing else.
    BOOST_TEST(token.status("008711F9267C2482008120" + std::string(64, '5')) == 0x6A86);
}

BOOST_AUTO_TEST_SUITE_END()
