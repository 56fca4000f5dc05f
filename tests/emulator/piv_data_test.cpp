// GET DATA and PUT DATA over the whole data model (SP 800-73-4 part 1, appendix A; part 2, 3.1.2 and 3.3.1).
#include "tests/emulator/piv_card.h"

#include "apdu/ber_tlv.h"

#include <boost/test/unit_test.hpp>

namespace test = cardrig::tests;
namespace apdu = cardrig::apdu;
using apdu::Bytes;
using apdu::CommandApdu;
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

struct Container {
    apdu::Tag tag;
    std::size_t capacity; ///< what the standard has a card offer at least
    bool passcode;
};

std::vector<Container> containers() {
    std::vector<Container> all{
        {0x5FC107, 287, false},  {0x5FC102, 2916, false}, {0x5FC105, 1905, false}, {0x5FC103, 4006, true},
        {0x5FC106, 1336, false}, {0x5FC108, 12710, true}, {0x5FC101, 1905, false}, {0x5FC10A, 1905, false},
        {0x5FC10B, 1905, false}, {0x5FC109, 245, true},   {0x7E, 19, false},       {0x5FC10C, 128, false},
        {0x5FC121, 7106, true},  {0x7F61, 65, false},     {0x5FC122, 2471, false}, {0x5FC123, 12, true},
    };
    for (apdu::Tag tag = 0x5FC10D; tag <= 0x5FC120; ++tag) {
        all.push_back({tag, 1905, false});
    }
    return all;
}

Bytes as_read(apdu::Tag tag, const Bytes& value) {
    return apdu::make_tlv(tag == 0x7E || tag == 0x7F61 ? tag : 0x53, value);
}

} // namespace

BOOST_AUTO_TEST_SUITE(piv_data)

BOOST_AUTO_TEST_CASE(all_containers_hold_together_what_the_standard_asks_of_each) {
    PivCard card;
    BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
    for (const Container& each : containers()) {
        const auto first = static_cast<std::uint8_t>(each.tag);
        BOOST_TEST_CONTEXT(apdu::to_hex(apdu::encode_tag(each.tag))) {
            BOOST_TEST(card.put_data(each.tag, content(each.capacity, first)) == 0x9000);
        }
    }
    card.power_cycle();
    for (const Container& each : containers()) {
        BOOST_TEST_CONTEXT(apdu::to_hex(apdu::encode_tag(each.tag))) {
            BOOST_TEST(card.get_data(each.tag).status.value() == (each.passcode ? 0x6982 : 0x9000));
        }
    }
    BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
    for (const Container& each : containers()) {
        const auto first = static_cast<std::uint8_t>(each.tag);
        BOOST_TEST_CONTEXT(apdu::to_hex(apdu::encode_tag(each.tag))) {
            BOOST_TEST(card.get_data(each.tag).data == as_read(each.tag, content(each.capacity, first)));
        }
    }
}

BOOST_AUTO_TEST_CASE(what_is_written_is_read_whatever_its_size) {
    PivCard card;
    BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
    for (const std::size_t size : {1U, 127U, 128U, 255U, 256U, 3000U}) {
        const Bytes value = content(size);
        const CommandApdu put(0x00, 0xDB, 0x3F, 0xFF, test::put_data_field(0x5FC105, value));
        BOOST_TEST_CONTEXT(size) {
            BOOST_TEST(card.chained(put).status.value() == 0x9000);
            BOOST_TEST(card.get_data(0x5FC105).data == apdu::make_tlv(0x53, value));
            BOOST_REQUIRE_EQUAL(card.put_data(0x5FC105, {}), 0x9000);
            BOOST_TEST(card.send(put).status.value() == 0x9000); // in one piece
            BOOST_TEST(card.get_data(0x5FC105).data == apdu::make_tlv(0x53, value));
        }
    }
}

BOOST_AUTO_TEST_CASE(an_empty_value_deletes) {
    PivCard card;
    BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
    BOOST_REQUIRE_EQUAL(card.put_data(0x5FC105, content(100)), 0x9000);
    BOOST_TEST(card.status("00DB3FFF075C035FC1055300") == 0x9000);
    BOOST_TEST(card.get_data(0x5FC105).status.value() == 0x6A82);
    card.power_cycle();
    BOOST_TEST(card.get_data(0x5FC105).status.value() == 0x6A82);
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

BOOST_AUTO_TEST_SUITE_END()
