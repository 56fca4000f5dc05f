#include "emulator/command_chain.h"

#include <boost/test/unit_test.hpp>

#include <string_view>

namespace apdu = cardrig::apdu;
namespace sw = apdu::sw;
using apdu::CommandApdu;
using cardrig::emulator::BlockPosition;
using cardrig::emulator::ChainPolicy;
using cardrig::emulator::CommandChain;

namespace {

const ChainPolicy serves_others{8, sw::wrong_length, {}, false};
const ChainPolicy refuses_others{8, sw::not_enough_memory, apdu::StatusWord(0x6900), false};
const ChainPolicy streamed{8, sw::not_enough_memory, {}, true};

CommandApdu command(std::string_view hex) {
    return CommandApdu::parse(apdu::from_hex(hex).value()).value();
}

} // namespace

BOOST_AUTO_TEST_SUITE(command_chain)

BOOST_AUTO_TEST_CASE(blocks_become_one_command_with_the_last_ones_le) {
    CommandChain chain;
    for (const char* block : {"10DB3FFF020102", "10DB3FFF0103"}) {
        const auto step = chain.take(command(block), serves_others);
        BOOST_REQUIRE(!step.command);
        BOOST_TEST(step.command.error().ok());
        BOOST_TEST(!step.broken_off);
    }
    const auto last = chain.take(command("00DB3FFF010400"), serves_others);
    BOOST_REQUIRE(last.command.has_value());
    BOOST_CHECK(*last.command == command("00DB3FFF040102030400"));
    BOOST_TEST(!chain.drop());
}

BOOST_AUTO_TEST_CASE(one_limit_holds_for_blocks_and_for_a_command_in_one_piece) {
    const CommandApdu nine = command("00DB3FFF09010203040506070809");
    CommandChain chain;
    const auto single = chain.take(nine, serves_others);
    BOOST_REQUIRE(single.over_long.has_value());
    BOOST_TEST(single.over_long->value() == 0x6700);
    BOOST_CHECK(single.command == command("00DB3FFF")); // for the application to refuse
    BOOST_TEST(!single.broken_off);
    BOOST_TEST(chain.take(command("00DB3FFF080102030405060708"), serves_others).command.has_value());

    static_cast<void>(chain.take(command("10DB3FFF080102030405060708"), refuses_others));
    const auto ninth = chain.take(command("10DB3FFF0109"), refuses_others);
    BOOST_REQUIRE(ninth.over_long.has_value());
    BOOST_TEST(ninth.over_long->value() == 0x6A84);
    BOOST_CHECK(ninth.command == command("00DB3FFF"));
    BOOST_TEST(ninth.broken_off);
    BOOST_TEST(!chain.drop());
}

BOOST_AUTO_TEST_CASE(a_foreign_command_voids_the_chain_and_is_served_or_refused_as_its_policy_says) {
    for (const char* foreign : {"00200080", "00DB3FFE0103", "00CB3FFF", "0CDB3FFF0103"}) {
        BOOST_TEST_CONTEXT(foreign) {
            CommandChain chain;
            static_cast<void>(chain.take(command("10DB3FFF020102"), serves_others));
            const auto served = chain.take(command(foreign), std::nullopt);
            BOOST_TEST(served.broken_off);
            BOOST_REQUIRE(served.command.has_value());
            BOOST_CHECK(*served.command == command(foreign));
            BOOST_TEST(!chain.drop());

            static_cast<void>(chain.take(command("10DB3FFF020102"), refuses_others));
            const auto refused = chain.take(command(foreign), std::nullopt);
            BOOST_TEST(refused.broken_off);
            BOOST_REQUIRE(!refused.command);
            BOOST_TEST(refused.command.error().value() == 0x6900);
            BOOST_TEST(!chain.drop());
        }
    }
}

BOOST_AUTO_TEST_CASE(without_a_policy_and_in_another_class_a_block_is_handed_on) {
    CommandChain chain;
    BOOST_CHECK(chain.take(command("10200080"), std::nullopt).command == command("10200080"));
    BOOST_CHECK(chain.take(command("1CDB3FFF0101"), serves_others).command == command("1CDB3FFF0101"));
    BOOST_TEST(!chain.drop());
}

BOOST_AUTO_TEST_CASE(a_streamed_chain_is_handed_on_block_by_block) {
    CommandChain chain;
    struct Block {
        const char* command;
        BlockPosition position;
    };
    for (const Block& each :
         {Block{"10DB3FFF020102", BlockPosition::first}, Block{"10DB3FFF", BlockPosition::middle},
          Block{"10DB3FFF0103", BlockPosition::middle}, Block{"00DB3FFF010400", BlockPosition::last}}) {
        const auto step = chain.take(command(each.command), streamed);
        BOOST_TEST(!step.broken_off);
        BOOST_REQUIRE(step.command.has_value());
        BOOST_CHECK(*step.command == command(each.command));
        BOOST_CHECK(step.block == each.position);
    }
    BOOST_TEST(!chain.drop());
    const auto single = chain.take(command("00DB3FFF0104"), streamed);
    BOOST_REQUIRE(single.command.has_value());
    BOOST_CHECK(!single.block); // in one piece: a whole command
}

BOOST_AUTO_TEST_CASE(a_streamed_chain_has_the_same_limit_and_the_same_end) {
    CommandChain chain;
    static_cast<void>(chain.take(command("10DB3FFF080102030405060708"), streamed));
    const auto ninth = chain.take(command("10DB3FFF0109"), streamed);
    BOOST_REQUIRE(ninth.over_long.has_value());
    BOOST_TEST(ninth.over_long->value() == 0x6A84);
    BOOST_CHECK(!ninth.block);
    BOOST_TEST(ninth.broken_off);
    BOOST_TEST(!chain.drop());

    static_cast<void>(chain.take(command("10DB3FFF020102"), streamed));
    const auto foreign = chain.take(command("00200080"), std::nullopt);
    BOOST_TEST(foreign.broken_off);
    BOOST_CHECK(foreign.command == command("00200080"));
    BOOST_CHECK(!foreign.block);
    const auto anew = chain.take(command("10DB3FFF020102"), streamed);
    BOOST_CHECK(anew.block == BlockPosition::first);
}

BOOST_AUTO_TEST_SUITE_END()
