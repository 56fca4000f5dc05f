// The data model, object by object: who may read, who may write, and that what was written is what is read
// (SP 800-73-4 part 1, table 2, table 3 and appendix A; part 2, 3.1.2 and 3.3.1).
#include "tests/emulator/piv_card.h"

#include "apdu/ber_tlv.h"

#include <boost/test/unit_test.hpp>

#include <vector>

namespace test = cardrig::tests;
namespace apdu = cardrig::apdu;
using apdu::Bytes;
using apdu::CommandApdu;
using cardrig::emulator::PutDataMode;
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

/// The card makes these up until somebody writes them.
bool is_derived(apdu::Tag tag) {
    return tag == 0x7E || tag == 0x5FC10C;
}

CommandApdu put(apdu::Tag tag, const Bytes& value) {
    return {0x00, 0xDB, 0x3F, 0xFF, test::put_data_field(tag, value)};
}

std::string name_of(const Container& container) {
    return apdu::to_hex(apdu::encode_tag(container.tag));
}

/// PUT DATA, then GET DATA, for each size, in one piece and in blocks.
void check_round_trips(PivCard& card, const Container& container) {
    for (const std::size_t size : {1U, 127U, 128U, 255U, 256U, 3000U}) {
        for (const std::size_t block_size : {0U, 255U, 100U}) {
            const Bytes value = content(size, static_cast<std::uint8_t>(container.tag + block_size));
            const CommandApdu command = put(container.tag, value);
            const auto answer = block_size == 0 ? card.send(command) : card.chained(command, block_size);
            BOOST_TEST_CONTEXT(size << " bytes in blocks of " << block_size) {
                BOOST_TEST(answer.status.value() == 0x9000);
                BOOST_TEST(card.get_data(container.tag).data == as_read(container.tag, value));
            }
        }
    }
}

/// PUT DATA of nothing takes away what was there.
void check_deletion(PivCard& card, const Container& container, const Bytes& derived) {
    for (const std::size_t block_size : {255U, 1U}) {
        BOOST_REQUIRE_EQUAL(card.put_data(container.tag, content(10)), 0x9000);
        BOOST_TEST(card.chained(put(container.tag, {}), block_size).status.value() == 0x9000);
        const auto answer = card.get_data(container.tag);
        BOOST_TEST(answer.status.value() == (is_derived(container.tag) ? 0x9000 : 0x6A82));
        BOOST_TEST(answer.data == derived);
    }
}

} // namespace

BOOST_AUTO_TEST_SUITE(piv_conformance_data)

BOOST_AUTO_TEST_CASE(the_data_model_has_36_objects_and_no_others) {
    BOOST_TEST(containers().size() == 36U);
    PivCard card;
    BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
    BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
    for (const apdu::Tag tag :
         {0x5FC100U, 0x5FC104U, 0x5FC124U, 0x5FFF00U, 0x5FFF10U, 0x5F2FU, 0x7F60U, 0x53U, 0x7CU}) {
        BOOST_TEST_CONTEXT(apdu::to_hex(apdu::encode_tag(tag))) {
            BOOST_TEST(card.get_data(tag).status.value() == 0x6A82);
            BOOST_TEST(card.put_data(tag, content(10)) == 0x6A81);
            BOOST_TEST(card.get_data(tag).status.value() == 0x6A82);
        }
    }
}

BOOST_AUTO_TEST_CASE(what_is_absent_is_not_found_by_those_who_may_read_it) {
    PivCard card;
    for (const Container& each : containers()) {
        const int absent = is_derived(each.tag) ? 0x9000 : 0x6A82;
        BOOST_TEST_CONTEXT(name_of(each)) {
            BOOST_TEST(card.get_data(each.tag).status.value() == (each.passcode ? 0x6982 : absent));
        }
    }
    BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
    for (const Container& each : containers()) {
        BOOST_TEST_CONTEXT(name_of(each)) {
            BOOST_TEST(card.get_data(each.tag).status.value() == (is_derived(each.tag) ? 0x9000 : 0x6A82));
        }
    }
}

// SP 800-73-4 part 1, table 2: the access rule of each is that of contact interfaces.
BOOST_AUTO_TEST_CASE(nobody_writes_without_the_management_key) {
    PivCard card;
    BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
    for (const Container& each : containers()) {
        const Bytes before = card.get_data(each.tag).data;
        for (const Bytes& value : {content(10), Bytes{}, content(300)}) {
            BOOST_TEST_CONTEXT(name_of(each)) {
                BOOST_TEST(card.put_data(each.tag, value) == 0x6982);
                BOOST_TEST(card.get_data(each.tag).data == before);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(the_passcode_that_was_taken_back_protects_again) {
    PivCard card;
    BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
    for (const Container& each : containers()) {
        BOOST_REQUIRE_EQUAL(card.put_data(each.tag, content(10)), 0x9000);
    }
    for (const char* end : {"0020FF80", "0020008008FFFFFFFFFFFFFFFF"}) {
        BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
        (void)card.send(end);
        for (const Container& each : containers()) {
            BOOST_TEST_CONTEXT(name_of(each)) {
                BOOST_TEST(card.get_data(each.tag).status.value() == (each.passcode ? 0x6982 : 0x9000));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(what_is_written_is_read_and_nothing_deletes_whatever_object_size_and_form) {
    for (const PutDataMode mode : {PutDataMode::buffered, PutDataMode::streamed}) {
        test::Setup setup;
        setup.config.piv.put_data = mode;
        PivCard card(setup);
        BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
        BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
        for (const Container& each : containers()) {
            const Bytes derived = card.get_data(each.tag).data;
            BOOST_TEST_CONTEXT(name_of(each) << (mode == PutDataMode::streamed ? " streamed" : " buffered")) {
                check_round_trips(card, each);
                check_deletion(card, each, derived);
            }
        }
    }
}

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

BOOST_AUTO_TEST_SUITE_END()
