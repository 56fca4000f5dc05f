// What belongs to the card and not to an application: class bytes, chains, GET RESPONSE, selection, reset.
#include "tests/emulator/piv_card.h"

#include <boost/test/unit_test.hpp>

namespace test = cardrig::tests;
namespace apdu = cardrig::apdu;
using apdu::Bytes;
using apdu::CommandApdu;
using cardrig::emulator::Algorithm;
using test::hex;
using test::PivCard;

namespace {

/// Bytes that do not repeat every 256.
Bytes pattern(std::size_t size) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) {
        bytes[i] = static_cast<std::uint8_t>(i * 7 + i / 256);
    }
    return bytes;
}

constexpr apdu::Tag certificate = 0x5FC105;
constexpr auto get_certificate = "00CB3FFF055C035FC105";

/// A card whose object 5FC105 has 700 bytes of content, 704 with its header.
struct LongObjectCard : PivCard {
    LongObjectCard() {
        BOOST_REQUIRE_EQUAL(authenticate(), 0x9000);
        BOOST_REQUIRE_EQUAL(put_data(certificate, pattern(700)), 0x9000);
    }
};

Bytes long_object() {
    return apdu::make_tlv(0x53, pattern(700));
}

Bytes part(const Bytes& whole, std::size_t from, std::size_t size) {
    const auto begin = whole.begin() + static_cast<std::ptrdiff_t>(from);
    return {begin, begin + static_cast<std::ptrdiff_t>(size)};
}

} // namespace

BOOST_AUTO_TEST_SUITE(card)

BOOST_AUTO_TEST_CASE(malformed_commands_are_answered_6700) {
    PivCard card;
    for (const char* bytes : {"", "00", "00A404", "00A4040005A0", "002000800812345678"}) {
        BOOST_TEST_CONTEXT(bytes) {
            BOOST_TEST(card.status(bytes) == 0x6700);
        }
    }
}

BOOST_AUTO_TEST_CASE(an_answer_into_a_used_buffer_is_the_same_answer) {
    LongObjectCard card;
    Bytes buffer = pattern(1000);
    const auto* const room = buffer.data();
    for (const char* command : {"00A4040005A000000308", "00CB3FFF035C017E00", "0020008000", "00"}) {
        BOOST_TEST_CONTEXT(command) {
            card.card().transmit(hex(command), buffer);
            BOOST_TEST(buffer == card.card().transmit(hex(command)));
        }
    }
    const std::string command = get_certificate;
    card.card().transmit(hex(command + "00"), buffer);
    BOOST_TEST(buffer.size() == 258);
    buffer = {0x00, 0xC0, 0x00, 0x00, 0x00};
    card.card().transmit(buffer, buffer); // the command may lie in it
    BOOST_TEST(Bytes(buffer.begin(), buffer.end() - 2) == part(long_object(), 256, 256));
    BOOST_TEST(buffer.data() == room);
}

BOOST_AUTO_TEST_CASE(every_class_byte_has_its_answer) {
    PivCard card;
    for (unsigned cla = 0; cla <= 0xFF; ++cla) {
        const CommandApdu query(static_cast<std::uint8_t>(cla), 0x20, 0x00, 0x80);
        std::uint16_t expected = 0x6E00;
        if (cla == 0x00) {
            expected = 0x63C3;
        } else if (cla == 0x10) {
            expected = 0x6884; // VERIFY comes in one piece
        } else if (cla == 0x0C || cla == 0x1C) {
            expected = 0x6882;
        }
        BOOST_TEST_CONTEXT("class " << cla) {
            BOOST_TEST(card.send(query).status.value() == expected);
        }
    }
}

BOOST_AUTO_TEST_CASE(only_the_instructions_of_the_application_are_known) {
    PivCard card;
    const std::string known{"\x20\x24\x2C\x47\x87\xA4\xC0\xCB\xDB"};
    for (unsigned ins = 0; ins <= 0xFF; ++ins) {
        const CommandApdu command(0x00, static_cast<std::uint8_t>(ins), 0x77, 0x77);
        const bool is_known = known.find(static_cast<char>(ins)) != std::string::npos;
        BOOST_TEST_CONTEXT("instruction " << ins) {
            BOOST_TEST(card.send(command).status.value() == (is_known ? 0x6A86 : 0x6D00));
        }
    }
    BOOST_TEST(card.status("10FD0000") == 0x6D00); // the instruction comes before chaining
}

BOOST_AUTO_TEST_CASE(an_answer_without_le_comes_at_once) {
    LongObjectCard card;
    const auto first = card.send(get_certificate);
    BOOST_TEST(first.data == part(long_object(), 0, 256));
    BOOST_TEST(first.status.value() == 0x6100); // 448 wait
    const auto second = card.send("00C00000");
    BOOST_TEST(second.data == part(long_object(), 256, 256));
    BOOST_TEST(second.status.value() == 0x61C0);
    const auto third = card.send("00C0000000");
    BOOST_TEST(third.data == part(long_object(), 512, 192));
    BOOST_TEST(third.status.value() == 0x9000);
    BOOST_TEST(card.status("00C0000000") == 0x6985); // nothing left
}

BOOST_AUTO_TEST_CASE(get_response_takes_any_length) {
    LongObjectCard card;
    const auto first = card.send(std::string(get_certificate) + "08");
    BOOST_TEST(first.data == part(long_object(), 0, 8));
    BOOST_TEST(first.status.value() == 0x6100); // 696 wait
    const auto short_one = card.send("00C0000010");
    BOOST_TEST(short_one.data == part(long_object(), 8, 16));
    BOOST_TEST(short_one.status.value() == 0x6100);
    (void)card.send("00C0000000");
    (void)card.send("00C00000FF");
    const auto exact = card.send("00C00000A9"); // 704 - 8 - 16 - 256 - 255
    BOOST_TEST(exact.data == part(long_object(), 535, 169));
    BOOST_TEST(exact.status.value() == 0x9000);
}

BOOST_AUTO_TEST_CASE(asking_for_exactly_what_is_there_leaves_nothing_waiting) {
    PivCard card;
    const auto discovery = card.send("00CB3FFF035C017E14");
    BOOST_TEST(discovery.data.size() == 20U);
    BOOST_TEST(discovery.status.value() == 0x9000);
    const auto head = card.send("00CB3FFF035C017E08");
    BOOST_TEST(head.data.size() == 8U);
    BOOST_TEST(head.status.value() == 0x610C);
}

BOOST_AUTO_TEST_CASE(any_other_command_discards_what_waits) {
    for (const char* other : {"00200080", "00A4040005A000000308", "00FD0000", "00"}) {
        LongObjectCard card;
        BOOST_REQUIRE_EQUAL(card.status(get_certificate), 0x6100);
        (void)card.send(other);
        BOOST_TEST_CONTEXT(other) {
            BOOST_TEST(card.status("00C0000000") == 0x6985);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_refused_get_response_discards_what_waits) {
    struct Refused {
        const char* command;
        std::uint16_t status;
    };
    for (const Refused& each : {Refused{"00C0010000", 0x6A86}, Refused{"00C0000100", 0x6A86},
                                Refused{"00C00100", 0x6A86}, Refused{"00C0000001AA", 0x6700}}) {
        LongObjectCard card;
        BOOST_REQUIRE_EQUAL(card.status(get_certificate), 0x6100);
        BOOST_TEST(card.status(each.command) == each.status);
        BOOST_TEST(card.status("00C0000000") == 0x6985);
    }
}

BOOST_AUTO_TEST_CASE(extended_commands_are_answered_in_one_piece) {
    LongObjectCard card;
    const auto whole = card.send("00CB3FFF 000005 5C035FC105 0000");
    BOOST_TEST(whole.data == long_object());
    BOOST_TEST(whole.status.value() == 0x9000);
    const auto limited = card.send("00CB3FFF 000005 5C035FC105 0200");
    BOOST_TEST(limited.data == part(long_object(), 0, 512));
    BOOST_TEST(limited.status.value() == 0x61C0);

    const Bytes field = test::put_data_field(certificate, pattern(1000));
    BOOST_TEST(card.send(CommandApdu(0x00, 0xDB, 0x3F, 0xFF, field)).status.value() == 0x9000);
    BOOST_TEST(card.get_data(certificate).data == apdu::make_tlv(0x53, pattern(1000)));
}

BOOST_AUTO_TEST_CASE(a_chain_may_have_blocks_of_any_size) {
    for (const std::size_t block_size : {1U, 17U, 254U, 255U}) {
        PivCard card;
        BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
        const CommandApdu put(0x00, 0xDB, 0x3F, 0xFF, test::put_data_field(certificate, pattern(600)));
        BOOST_TEST(card.chained(put, block_size).status.value() == 0x9000);
        BOOST_TEST(card.get_data(certificate).data == apdu::make_tlv(0x53, pattern(600)));
    }
}

BOOST_AUTO_TEST_CASE(an_interrupted_chain_has_no_effect_and_the_other_command_is_served) {
    for (const char* other :
         {"0020008000", "00CB3FFF035C017E00", "00A4040005A000000308", "00C0000000", "00"}) {
        PivCard card;
        BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
        PivCard untouched;
        BOOST_REQUIRE_EQUAL(untouched.authenticate(), 0x9000);
        BOOST_REQUIRE_EQUAL(card.status("10DB3FFF065C035FC10553"), 0x9000);
        BOOST_TEST_CONTEXT(other) {
            BOOST_TEST(card.status(other) == untouched.status(other));
            BOOST_TEST(card.status("00DB3FFF03021122") == 0x6A80); // the tail alone is no object
            BOOST_TEST(card.get_data(certificate).status.value() == 0x6A82);
        }
    }
}

BOOST_AUTO_TEST_CASE(an_interrupted_signature_is_not_made) {
    test::Setup setup;
    setup.keys = {{0x9A, Algorithm::p256}};
    for (const char* other :
         {"00CB3FFF035C017E00", "00A4040005A000000308", "00C0000000", "00", "1087119C027C24"}) {
        PivCard card(setup);
        BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
        BOOST_REQUIRE_EQUAL(card.status("1087119A067C2482008120"), 0x9000);
        (void)card.send(other);
        const std::string digest(64, '5');
        BOOST_TEST_CONTEXT(other) {
            BOOST_TEST(card.status("0087119A20" + digest) == 0x6A80); // the tail alone is no template
            BOOST_TEST(card.status("0087119A267C2482008120" + digest) == 0x9000);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_chain_of_another_command_begins_anew) {
    PivCard card;
    BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
    BOOST_TEST(card.status("10DB3FFF065C035FC10153") == 0x9000);
    BOOST_TEST(card.status("10DB3FFE021122") == 0x9000); // other P2: a chain of its own
    BOOST_TEST(card.status("00DB3FFE021122") == 0x6A86);
    BOOST_TEST(card.status("1087079A027C00") == 0x9000);
    BOOST_TEST(card.status("10DB3FFF075C035FC1055301") == 0x9000);
    BOOST_TEST(card.status("00DB3FFF01AA") == 0x9000);
    BOOST_TEST(card.get_data(certificate).data == hex("5301AA"));
    BOOST_TEST(card.get_data(0x5FC101).status.value() == 0x6A82);
}

BOOST_AUTO_TEST_CASE(chaining_is_refused_where_the_command_has_none) {
    PivCard card;
    for (const char* command : {"1020008008313233343536FFFF", "10240080", "102C0080", "10CB3FFF035C017E",
                                "10A4040005A000000308", "10C0000000"}) {
        BOOST_TEST_CONTEXT(command) {
            BOOST_TEST(card.status(command) == 0x6884);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_chain_that_never_ends_is_refused) {
    PivCard card;
    BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
    const CommandApdu piece(0x10, 0xDB, 0x3F, 0xFF, Bytes(255));
    std::uint16_t status = 0x9000;
    std::size_t blocks = 0;
    while (status == 0x9000 && blocks < 1000) {
        status = card.send(piece).status.value();
        ++blocks;
    }
    BOOST_TEST(status == 0x6A84);
    BOOST_TEST(blocks > 12'710U / 255U); // the facial image is the largest object of the data model
}

BOOST_AUTO_TEST_CASE(one_limit_holds_for_chains_and_for_extended_length) {
    test::Setup setup;
    setup.config.geometry = {128, 8, 512}; // there is room for more
    PivCard card(setup);
    BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
    const auto put = [](std::size_t size) {
        return CommandApdu(0x00, 0xDB, 0x3F, 0xFF, test::put_data_field(certificate, pattern(size)));
    };
    // 5C035FC105 and 53823FF7 make nine bytes.
    BOOST_TEST(card.send(put(16'375)).status.value() == 0x9000);
    BOOST_TEST(card.chained(put(16'375)).status.value() == 0x9000);
    BOOST_TEST(card.send(put(16'376)).status.value() == 0x6A84);
    BOOST_TEST(card.chained(put(16'376)).status.value() == 0x6A84);
    BOOST_TEST(card.send(put(20'000)).status.value() == 0x6A84);
    BOOST_TEST(card.get_data(certificate).data == apdu::make_tlv(0x53, pattern(16'375)));
}

BOOST_AUTO_TEST_CASE(a_refused_command_that_is_too_long_makes_a_challenge_void) {
    PivCard card;
    BOOST_REQUIRE_EQUAL(card.status("0087039B047C028100"), 0x9000);
    BOOST_REQUIRE_EQUAL(card.send(CommandApdu(0x00, 0xDB, 0x3F, 0xFF, Bytes(20'000))).status.value(), 0x6982);
    BOOST_TEST(card.status("0087039B0C7C0A82080000000000000000") == 0x6985);
}

BOOST_AUTO_TEST_CASE(what_comes_before_data_is_checked_before_their_length) {
    struct TooLong {
        std::uint8_t ins;
        std::uint8_t p1;
        std::uint8_t p2;
        std::uint16_t status;
        std::uint16_t to_administrator;
    };
    test::Setup setup;
    setup.config.piv.yubico.emplace();
    setup.config.piv.algorithms = {Algorithm::p256};
    for (const TooLong& each :
         {TooLong{0xDB, 0x40, 0x01, 0x6A86, 0x6A86}, TooLong{0xDB, 0x3F, 0xFF, 0x6982, 0x6A84},
          TooLong{0x47, 0x01, 0x9A, 0x6A86, 0x6A86}, TooLong{0x47, 0x00, 0x9A, 0x6982, 0x6A84},
          TooLong{0x87, 0x11, 0x9F, 0x6A86, 0x6A86}, TooLong{0x87, 0x11, 0x9A, 0x6A86, 0x6A86}, // no key
          TooLong{0x87, 0x55, 0x9B, 0x6A86, 0x6A86}, TooLong{0x87, 0x03, 0x9B, 0x6A84, 0x6A84},
          TooLong{0xFE, 0x55, 0x9A, 0x6A86, 0x6A86}, TooLong{0xFE, 0x11, 0x9A, 0x6700, 0x6700}}) {
        for (const auto mode :
             {cardrig::emulator::PutDataMode::buffered, cardrig::emulator::PutDataMode::streamed}) {
            setup.config.piv.put_data = mode;
            BOOST_TEST_CONTEXT(int{each.ins} << " " << int{each.p1} << " " << int{each.p2}) {
                PivCard card(setup);
                const CommandApdu whole(0x00, each.ins, each.p1, each.p2, Bytes(16'385));
                BOOST_TEST(card.send(whole).status.value() == each.status);
                BOOST_TEST(
                    card.send(CommandApdu(0x10, each.ins, each.p1, each.p2, Bytes(16'385))).status.value() ==
                    each.status); // the same as a block
                BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
                BOOST_TEST(card.send(whole).status.value() == each.to_administrator);
                const bool ends_it = each.ins == 0x87 && each.p2 == 0x9B;
                BOOST_TEST(card.put_data(certificate, hex("0102")) == (ends_it ? 0x6982 : 0x9000));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_chain_that_gets_too_long_is_refused_in_the_same_order) {
    PivCard card;
    const auto last_of = [&card](const CommandApdu& whole) { return card.chained(whole).status.value(); };
    BOOST_TEST(last_of(CommandApdu(0x00, 0xDB, 0x40, 0x01, Bytes(16'385))) == 0x6A86);
    BOOST_TEST(last_of(CommandApdu(0x00, 0xDB, 0x3F, 0xFF, Bytes(16'385))) == 0x6982);
    BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
    BOOST_TEST(last_of(CommandApdu(0x00, 0xDB, 0x3F, 0xFF, Bytes(16'385))) == 0x6A84);
    BOOST_TEST(last_of(CommandApdu(0x00, 0x87, 0x03, 0x9B, Bytes(16'385))) == 0x6A84);
    BOOST_TEST(card.put_data(certificate, hex("0102")) == 0x6982);
}

BOOST_AUTO_TEST_CASE(select_by_an_unknown_identifier_changes_nothing) {
    PivCard card;
    BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
    BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
    for (const char* probe :
         {"00A4040007627601FF000000", "00A4040006A00000000101", "00A404000BE82B0601040181C31F020100",
          "00A4040C0FD23300000045737445494420763335", "00A4040C07A000000116DB00",
          "00A4040009A0000003974254465900", "00A404000CF276A288BCFBA69D34F31001",
          "00A4040C0AD392F000260100000001", "00A40400", "00A4040008A000000527200101", "00A4040004A0000003"}) {
        BOOST_TEST_CONTEXT(probe) {
            BOOST_TEST(card.status(probe) == 0x6A82);
        }
    }
    BOOST_TEST(card.status("00200080") == 0x9000);
    BOOST_TEST(card.put_data(certificate, hex("0102")) == 0x9000);
}

BOOST_AUTO_TEST_CASE(other_probes_of_client_stacks_fail_and_change_nothing) {
    PivCard card;
    BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
    BOOST_TEST(card.status("00CADF3005") == 0x6D00);
    BOOST_TEST(card.status("00A4000C023F00") == 0x6A86);
    BOOST_TEST(card.status("00FD000000") == 0x6D00);
    BOOST_TEST(card.status("00F8000000") == 0x6D00);
    BOOST_TEST(card.status("0001100000") == 0x6D00);
    BOOST_TEST(card.status("00200080") == 0x9000);
}

BOOST_AUTO_TEST_CASE(reset_and_power_clear_what_is_volatile_and_keep_counters) {
    for (const bool cold : {false, true}) {
        LongObjectCard card;
        BOOST_REQUIRE_EQUAL(card.verify("999999"), 0x63C2);
        BOOST_REQUIRE_EQUAL(card.status("002C008010" + test::block("wrong") + test::block("123456")), 0x63C2);
        BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
        BOOST_REQUIRE_EQUAL(card.verify("999999"), 0x63C2);
        BOOST_REQUIRE_EQUAL(card.status("10DB3FFF065C035FC10153"), 0x9000);
        if (cold) {
            card.power_cycle();
        } else {
            card.card().reset();
        }
        BOOST_TEST(card.status("00C0000000") == 0x6985);
        BOOST_TEST(card.status("00200080") == 0x63C2);
        BOOST_TEST(card.put_data(certificate, hex("0102")) == 0x6982);
        BOOST_TEST(card.status("002C008010" + test::block("wrong") + test::block("123456")) == 0x63C1);
        BOOST_TEST(card.get_data(certificate).data == long_object());
    }
}

BOOST_AUTO_TEST_CASE(reset_makes_pending_data_and_challenges_void) {
    LongObjectCard card;
    BOOST_REQUIRE_EQUAL(card.status(get_certificate), 0x6100);
    card.card().reset();
    BOOST_TEST(card.status("00C0000000") == 0x6985);
    BOOST_REQUIRE_EQUAL(card.status("0087039B047C028100"), 0x9000);
    card.card().reset();
    BOOST_TEST(card.status("0087039B0C7C0A82080000000000000000") == 0x6985);
}

BOOST_AUTO_TEST_CASE(a_memory_that_is_no_cards_is_not_powered_on) {
    cardrig::emulator::MemoryNvm erased{{}};
    cardrig::emulator::CryptoContext crypto;
    cardrig::emulator::ContextEntropy entropy{crypto};
    cardrig::emulator::FreshKeys keys;
    test::StandingClock clock;
    const auto card =
        cardrig::emulator::Card::power_on(erased, test::Setup().config, {crypto, entropy, keys, clock});
    BOOST_REQUIRE(!card);
    BOOST_TEST(!card.error().message.empty());
}

BOOST_AUTO_TEST_SUITE_END()
