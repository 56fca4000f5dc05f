// PUT DATA on a card that writes the blocks of a chain as they come (PutDataMode::streamed).
#include "tests/emulator/piv_card.h"

#include "apdu/ber_tlv.h"
#include "emulator/inspection.h"

#include <boost/test/unit_test.hpp>

#include <string>

namespace test = cardrig::tests;
namespace apdu = cardrig::apdu;
namespace emulator = cardrig::emulator;
namespace piv = emulator::piv;
using apdu::Bytes;
using apdu::CommandApdu;
using emulator::PutDataMode;
using test::hex;
using test::PivCard;

namespace {

constexpr apdu::Tag certificate = 0x5FC105;

test::Setup streamed() {
    test::Setup setup;
    setup.config.piv.put_data = PutDataMode::streamed;
    return setup;
}

Bytes content(std::size_t size, std::uint8_t first = 1) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) {
        bytes[i] = static_cast<std::uint8_t>(first + i * 13 + i / 256);
    }
    return bytes;
}

CommandApdu put(apdu::Tag tag, const Bytes& value) {
    return {0x00, 0xDB, 0x3F, 0xFF, test::put_data_field(tag, value)};
}

struct StreamingCard : PivCard {
    explicit StreamingCard(const test::Setup& setup = streamed()) : PivCard(setup) {
        BOOST_REQUIRE_EQUAL(authenticate(), 0x9000);
    }

    /// One block of PUT DATA.
    std::uint16_t put_block(const Bytes& data, bool more = true) {
        return send(CommandApdu(more ? 0x10 : 0x00, 0xDB, 0x3F, 0xFF, data)).status.value();
    }
    std::uint16_t read_status(apdu::Tag tag = certificate) { return get_data(tag).status.value(); }

    [[nodiscard]] emulator::CardState look() {
        return emulator::inspect({streamed().config, memory().bytes()}).value();
    }
};

/// The head and the first 100 bytes of 300.
Bytes first_block() {
    Bytes block = hex("5C035FC105 5382012C");
    const Bytes value = content(100, 9);
    block.insert(block.end(), value.begin(), value.end());
    return block;
}

/// A card whose certificate object was written, and then begun anew and left so.
void leave_unfinished(StreamingCard& card) {
    BOOST_REQUIRE_EQUAL(card.put_data(certificate, content(700)), 0x9000);
    BOOST_REQUIRE_EQUAL(card.put_block(first_block()), 0x9000);
}

} // namespace

BOOST_AUTO_TEST_SUITE(piv_streamed_put)

BOOST_AUTO_TEST_CASE(what_is_written_is_read_whatever_the_blocks) {
    for (const std::size_t size : {1U, 127U, 128U, 255U, 256U, 700U, 3000U}) {
        for (const std::size_t block_size : {1U, 2U, 7U, 200U, 255U}) {
            if (size > 300 && block_size < 100) {
                continue; // thousands of transactions more would show no more
            }
            StreamingCard card;
            const Bytes value = content(size, static_cast<std::uint8_t>(block_size));
            BOOST_TEST_CONTEXT(size << " bytes in blocks of " << block_size) {
                BOOST_TEST(card.chained(put(certificate, value), block_size).status.value() == 0x9000);
                BOOST_TEST(card.get_data(certificate).data == apdu::make_tlv(0x53, value));
                card.power_cycle();
                BOOST_TEST(card.get_data(certificate).data == apdu::make_tlv(0x53, value));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(longer_and_shorter_contents_replace_each_other) {
    StreamingCard card;
    for (const std::size_t size : {2000U, 300U, 1000U, 3U, 5000U}) {
        const Bytes value = content(size, static_cast<std::uint8_t>(size));
        BOOST_REQUIRE_EQUAL(card.chained(put(certificate, value), 120).status.value(), 0x9000);
        BOOST_TEST(card.get_data(certificate).data == apdu::make_tlv(0x53, value));
    }
    BOOST_REQUIRE_EQUAL(card.send(put(certificate, content(30))).status.value(), 0x9000); // in one piece
    BOOST_TEST(card.get_data(certificate).data == apdu::make_tlv(0x53, content(30)));
}

BOOST_AUTO_TEST_CASE(objects_that_bring_their_own_tag_are_streamed_too) {
    StreamingCard card;
    const Bytes discovery = hex("4F0BA0000003080000100001005F2F024000");
    BOOST_TEST(card.chained(put(0x7E, discovery), 3).status.value() == 0x9000);
    BOOST_TEST(card.get_data(0x7E).data == apdu::make_tlv(0x7E, discovery));
    BOOST_TEST(card.chained(put(0x7F61, content(60)), 1).status.value() == 0x9000);
    BOOST_TEST(card.get_data(0x7F61).data == apdu::make_tlv(0x7F61, content(60)));
}

BOOST_AUTO_TEST_CASE(lengths_in_longer_forms_are_read) {
    StreamingCard card;
    BOOST_TEST(
        card.chained({0x00, 0xDB, 0x3F, 0xFF, hex("5C8200035FC105 5383000002 AABB")}, 1).status.value() ==
        0x9000);
    BOOST_TEST(card.get_data(certificate).data == hex("5302AABB"));
}

BOOST_AUTO_TEST_CASE(from_the_first_block_on_the_object_is_absent) {
    StreamingCard card;
    leave_unfinished(card);
    BOOST_TEST(card.look().objects.empty());
    const auto* slot = card.look().slot(0x9A);
    BOOST_TEST(card.read_status() == 0x6A82);                  // which is another command, too
    BOOST_TEST(card.put_block(content(200), false) == 0x6A80); // so the chain is void
    BOOST_TEST(card.read_status() == 0x6A82);
    card.power_cycle();
    BOOST_TEST(card.read_status() == 0x6A82);
    const emulator::CardState state = card.look();
    slot = state.slot(0x9A);
    BOOST_REQUIRE(slot != nullptr);
    BOOST_TEST(!slot->certificate.has_value());
    BOOST_TEST(slot->certificate_damage.value().find("not written to its end") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_unfinished_object_can_be_written_anew_and_deleted) {
    const Bytes value = content(400, 77);
    for (const bool in_one_piece : {false, true}) {
        StreamingCard card;
        leave_unfinished(card);
        card.power_cycle();
        BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
        const auto written =
            in_one_piece ? card.send(put(certificate, value)) : card.chained(put(certificate, value));
        BOOST_TEST(written.status.value() == 0x9000);
        BOOST_TEST(card.get_data(certificate).data == apdu::make_tlv(0x53, value));
        leave_unfinished(card);
        BOOST_REQUIRE_EQUAL(card.read_status(), 0x6A82); // ends the chain
        const auto deleted =
            in_one_piece ? card.send(put(certificate, {})) : card.chained(put(certificate, {}), 4);
        BOOST_TEST(deleted.status.value() == 0x9000);
        BOOST_TEST(card.read_status() == 0x6A82);
        BOOST_TEST(card.look().slot(0x9A) == nullptr);
        BOOST_TEST(!card.card().store().contains(piv::unfinished_mark(certificate)));
    }
}

BOOST_AUTO_TEST_CASE(whatever_ends_a_chain_leaves_the_object_absent) {
    for (const char* end : {"00200080", "00A4040005A000000308", "00CB3FFF035C017E", "00C0000000", "00FD0000",
                            "00", "00DB3FFF", "10DB3FFE0155", "10DB3FFF", "0CDB3FFF0155"}) {
        StreamingCard card;
        leave_unfinished(card);
        const std::string_view command = end;
        BOOST_TEST_CONTEXT(command) {
            if (command == "10DB3FFF") { // an empty block is none of these: the chain goes on
                BOOST_TEST(card.status(command) == 0x9000);
                BOOST_TEST(card.put_block(content(200), false) == 0x9000);
                BOOST_TEST(card.read_status() == 0x9000);
                continue;
            }
            (void)card.send(command);
            BOOST_TEST(card.put_block(content(200), false) == 0x6A80);
            BOOST_TEST(card.read_status() == 0x6A82);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_reset_in_the_middle_leaves_the_object_absent) {
    StreamingCard card;
    leave_unfinished(card);
    card.card().reset();
    BOOST_TEST(card.put_block(content(200), false) == 0x6982);
    BOOST_TEST(card.read_status() == 0x6A82);
}

BOOST_AUTO_TEST_CASE(more_or_fewer_bytes_than_announced_are_refused) {
    for (const bool more : {true, false}) {
        StreamingCard card;
        leave_unfinished(card); // 200 bytes are to follow
        BOOST_TEST(card.put_block(content(201), more) == 0x6A80);
        BOOST_TEST(card.put_block(content(1), false) == 0x6A80); // the chain is over
        BOOST_TEST(card.read_status() == 0x6A82);
    }
    StreamingCard card;
    leave_unfinished(card);
    BOOST_TEST(card.put_block(content(199), false) == 0x6A80);
    BOOST_TEST(card.read_status() == 0x6A82);
    leave_unfinished(card);
    BOOST_TEST(card.put_block(content(200)) == 0x9000); // all is there, and valid with the last block only
    BOOST_TEST(card.read_status() == 0x6A82);
    leave_unfinished(card);
    BOOST_TEST(card.put_block(content(200)) == 0x9000);
    BOOST_TEST(card.put_block({}, false) == 0x9000);
    BOOST_TEST(card.read_status() == 0x9000);
}

BOOST_AUTO_TEST_CASE(a_refused_first_block_changes_nothing) {
    struct Refused {
        const char* block;
        std::uint16_t status;
    };
    for (const Refused& each :
         {Refused{"10DB3FFE095C035FC105530230", 0x6A86}, Refused{"10DB3FFF085C035FC105540230", 0x6A80},
          Refused{"10DB3FFF025D03", 0x6A80}, Refused{"10DB3FFF065C045FC10501", 0x6A80},
          Refused{"10DB3FFF025C00", 0x6A80}, Refused{"10DB3FFF025C80", 0x6A80},
          Refused{"10DB3FFF065C017E530230", 0x6A80}, Refused{"10DB3FFF095C035FC1245302AABB", 0x6A81},
          Refused{"10DB3FFF0A5C035FC1055302AABBCC", 0x6A80}, // more than announced already
          Refused{"10DB3FFF0A5C035FC1055382FFFF30", 0x6A84}, // longer than the card takes
          Refused{"10DB3FFF0C5C035FC1055384FFFFFFFF30", 0x6A84}}) {
        StreamingCard card;
        BOOST_REQUIRE_EQUAL(card.put_data(certificate, content(700)), 0x9000);
        Bytes command = hex(each.block);
        command[4] = static_cast<std::uint8_t>(command.size() - 5);
        BOOST_TEST_CONTEXT(each.block) {
            BOOST_TEST(card.status(apdu::to_hex(command)) == each.status);
            BOOST_TEST(card.get_data(certificate).data == apdu::make_tlv(0x53, content(700)));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_head_that_never_ends_is_refused_with_the_last_block) {
    StreamingCard card;
    BOOST_REQUIRE_EQUAL(card.put_data(certificate, content(700)), 0x9000);
    BOOST_TEST(card.put_block(hex("5C03")) == 0x9000);
    BOOST_TEST(card.put_block(hex("5FC1")) == 0x9000);
    BOOST_TEST(card.put_block(hex("0553"), false) == 0x6A80);
    BOOST_TEST(card.get_data(certificate).data == apdu::make_tlv(0x53, content(700)));
}

BOOST_AUTO_TEST_CASE(access_is_checked_on_the_first_block) {
    PivCard card(streamed());
    BOOST_TEST(card.status("10DB3FFF015C") == 0x6982);
    BOOST_TEST(card.status("00DB3FFF08035FC1055302AABB") == 0x6982); // a command of its own
    BOOST_TEST(card.status("10DB3FFE015C") == 0x6A86);               // P1-P2 first
    BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
    BOOST_TEST(card.status("10DB3FFF015C") == 0x9000);
    BOOST_TEST(card.status("00DB3FFF08035FC1055302AABB") == 0x9000);
    BOOST_TEST(card.get_data(certificate).data == hex("5302AABB"));
}

BOOST_AUTO_TEST_CASE(what_the_card_derives_is_derived_while_the_written_object_is_unfinished) {
    StreamingCard card;
    const Bytes derived_discovery = card.get_data(0x7E).data;
    const Bytes derived_history = card.get_data(0x5FC10C).data;
    BOOST_REQUIRE_EQUAL(card.put_data(0x7E, hex("4F00")), 0x9000);
    BOOST_REQUIRE_EQUAL(card.put_data(0x5FC10C, hex("C10105C20100F300FE00")), 0x9000);
    BOOST_REQUIRE_EQUAL(card.put_block(hex("7E10 4F")), 0x9000);
    BOOST_TEST(card.get_data(0x7E).data == derived_discovery);
    BOOST_REQUIRE_EQUAL(card.put_block(hex("5C035FC10C 530A C101")), 0x9000);
    BOOST_TEST(card.get_data(0x5FC10C).data == derived_history);
    const emulator::CardState state = card.look();
    BOOST_TEST(state.objects.at(0x7E).unfinished);
    BOOST_TEST(state.objects.at(0x5FC10C).unfinished);
    // A retired certificate that is not there does not count.
    BOOST_REQUIRE_EQUAL(card.put_block(hex("5C035FC111 530A 70")), 0x9000);
    BOOST_TEST(card.get_data(0x5FC10C).data == derived_history);
}

BOOST_AUTO_TEST_CASE(memory_that_runs_out_in_the_middle_leaves_the_object_absent) {
    test::Setup setup = streamed();
    setup.config.geometry.blocks = 32;
    StreamingCard card(setup);
    BOOST_REQUIRE_EQUAL(card.put_data(certificate, content(100)), 0x9000);
    for (apdu::Tag tag = 0x5FC10D; tag <= 0x5FC112; ++tag) {
        BOOST_REQUIRE_EQUAL(card.put_data(tag, content(2000)), 0x9000);
    }
    BOOST_TEST(card.put_data(certificate, content(12'000)) == 0x6A84);
    BOOST_TEST(card.read_status() == 0x6A82);
    BOOST_TEST(card.put_data(certificate, content(100)) == 0x9000);
    BOOST_TEST(card.read_status() == 0x9000);
}

BOOST_AUTO_TEST_CASE(blocks_together_are_one_command) {
    StreamingCard card;
    BOOST_REQUIRE_EQUAL(card.status("0087039B047C028100"), 0x9000); // a challenge, void with the first block
    BOOST_REQUIRE_EQUAL(card.chained(put(certificate, content(300)), 100).status.value(), 0x9000);
    BOOST_TEST(card.status("0087039B0C7C0A82080000000000000000") == 0x6985);
}

BOOST_AUTO_TEST_CASE(a_buffering_card_keeps_the_old_content_until_the_last_block) {
    PivCard card;
    BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
    BOOST_REQUIRE_EQUAL(card.put_data(certificate, content(700)), 0x9000);
    BOOST_REQUIRE_EQUAL(card.send(CommandApdu(0x10, 0xDB, 0x3F, 0xFF, first_block())).status.value(), 0x9000);
    BOOST_TEST(card.get_data(certificate).data == apdu::make_tlv(0x53, content(700)));
}

BOOST_AUTO_TEST_SUITE_END()
