// What GET DATA and PUT DATA do over several commands (SP 800-73-4 part 2, 3.1.2 and 3.3.1). The whole data
// model, object by object, is in piv_conformance_data_test.cpp.
#include "tests/emulator/piv_card.h"

#include "apdu/ber_tlv.h"

#include <boost/test/unit_test.hpp>

namespace test = cardrig::tests;
namespace apdu = cardrig::apdu;
using apdu::Bytes;
using test::hex;
using test::PivCard;

namespace {

Bytes content(std::size_t size, std::uint8_t first = 1) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) {
        bytes[i] = static_cast<std::uint8_t>(first + i * 11 + i / 256);
    }
    return bytes;
}

/// Begins as one does (RFC 1952, 2.3).
Bytes gzip_stream() {
    Bytes stream = hex("1F8B0800000000000003");
    const Bytes rest = content(900);
    stream.insert(stream.end(), rest.begin(), rest.end());
    return stream;
}

} // namespace

BOOST_AUTO_TEST_SUITE(piv_data)

BOOST_AUTO_TEST_CASE(an_empty_value_deletes) {
    PivCard card;
    BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
    BOOST_REQUIRE_EQUAL(card.put_data(0x5FC105, content(100)), 0x9000);
    BOOST_TEST(card.status("00DB3FFF075C035FC1055300") == 0x9000);
    BOOST_TEST(card.get_data(0x5FC105).status.value() == 0x6A82);
    card.power_cycle();
    BOOST_TEST(card.get_data(0x5FC105).status.value() == 0x6A82);
}

// SP 800-73-4 part 1, appendix A, table 10: 71 01 says that the certificate is compressed. What is
// compressed, and how, is the hosts' affair; 72 is left over from older data models.
BOOST_AUTO_TEST_CASE(a_compressed_certificate_is_served_as_it_was_written) {
    PivCard card;
    BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
    Bytes container = apdu::make_tlv(0x70, gzip_stream());
    apdu::append_tlv(container, 0x71, hex("01"));
    apdu::append_tlv(container, 0x72, hex("00112233"));
    apdu::append_tlv(container, 0xFE, {});
    BOOST_REQUIRE_EQUAL(card.put_data(0x5FC105, container), 0x9000);
    BOOST_TEST(card.get_data(0x5FC105).data == apdu::make_tlv(0x53, container));
}

BOOST_AUTO_TEST_CASE(a_shorter_value_leaves_nothing_of_a_longer_one) {
    PivCard card;
    BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
    BOOST_REQUIRE_EQUAL(card.put_data(0x5FC105, content(2000)), 0x9000);
    BOOST_REQUIRE_EQUAL(card.put_data(0x5FC105, content(3, 9)), 0x9000);
    BOOST_TEST(card.get_data(0x5FC105).data == apdu::make_tlv(0x53, content(3, 9)));
}

// SP 800-73-4 part 1, 3.3.2: 7E 12, the identifier, and 5F2F 02 4000 for a card with nothing but its own
// passcode.
BOOST_AUTO_TEST_CASE(the_discovery_object_is_there_from_the_start) {
    PivCard card;
    BOOST_TEST(card.get_data(0x7E).data == hex("7E12 4F0BA000000308000010000100 5F2F024000"));
    BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
    BOOST_REQUIRE_EQUAL(card.put_data(0x7E, hex("4F0BA0000003080000100001005F2F024010")), 0x9000);
    BOOST_TEST(card.get_data(0x7E).data == hex("7E12 4F0BA000000308000010000100 5F2F024010"));
}

BOOST_AUTO_TEST_CASE(the_key_history_counts_retired_slots_until_somebody_writes_it) {
    PivCard card;
    BOOST_TEST(card.get_data(0x5FC10C).data == hex("530A C10100 C20100 F300 FE00"));
    BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
    BOOST_REQUIRE_EQUAL(card.put_data(0x5FC10D, content(10)), 0x9000);
    BOOST_TEST(card.get_data(0x5FC10C).data == hex("530A C10101 C20100 F300 FE00"));
    BOOST_REQUIRE_EQUAL(card.status("0047008405AC03800111"), 0x9000);
    BOOST_TEST(card.get_data(0x5FC10C).data == hex("530A C10103 C20100 F300 FE00"));
    BOOST_REQUIRE_EQUAL(card.put_data(0x5FC120, content(10)), 0x9000);
    BOOST_TEST(card.get_data(0x5FC10C).data == hex("530A C10114 C20100 F300 FE00"));
    BOOST_REQUIRE_EQUAL(card.put_data(0x5FC10C, hex("C10101C20100F300FE00")), 0x9000);
    BOOST_TEST(card.get_data(0x5FC10C).data == hex("530A C10101 C20100 F300 FE00"));
}

BOOST_AUTO_TEST_CASE(an_object_that_does_not_fit_leaves_the_old_one) {
    test::Setup setup;
    setup.config.geometry.blocks = 32;
    PivCard card(setup);
    BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
    BOOST_REQUIRE_EQUAL(card.put_data(0x5FC105, content(50)), 0x9000);
    apdu::Tag tag = 0x5FC10D;
    while (tag <= 0x5FC120 && card.put_data(tag, content(2000)) == 0x9000) {
        ++tag;
    }
    BOOST_REQUIRE(tag <= 0x5FC120);
    BOOST_TEST(card.put_data(0x5FC105, content(12'000)) == 0x6A84);
    BOOST_TEST(card.get_data(0x5FC105).data == apdu::make_tlv(0x53, content(50)));
    BOOST_TEST(card.get_data(tag).status.value() == 0x6A82);
}

// 5C035FC105 and 538201xx make nine bytes of the command's data.
BOOST_AUTO_TEST_CASE(the_card_says_how_long_an_object_may_be) {
    for (const auto mode :
         {cardrig::emulator::PutDataMode::buffered, cardrig::emulator::PutDataMode::streamed}) {
        test::Setup setup;
        setup.config.piv.put_data = mode;
        setup.config.piv.longest_object = 300;
        PivCard card(setup);
        BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
        const auto put = [](std::size_t size) {
            return apdu::CommandApdu(0x00, 0xDB, 0x3F, 0xFF, test::put_data_field(0x5FC105, content(size)));
        };
        BOOST_TEST(card.chained(put(291)).status.value() == 0x9000);
        BOOST_TEST(card.send(put(291)).status.value() == 0x9000);
        BOOST_TEST(card.chained(put(292)).status.value() == 0x6A84);
        BOOST_TEST(card.send(put(292)).status.value() == 0x6A84);
        BOOST_TEST(card.get_data(0x5FC105).data == apdu::make_tlv(0x53, content(291)));
    }
}

BOOST_AUTO_TEST_SUITE_END()
