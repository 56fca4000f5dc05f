// Every verb at every place, as the card meets it; the world around it is played.
#include "tests/harness/rigged_card_fixture.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

using namespace cardrig::harness;
using namespace cardrig::test;
using Fixture = RiggedCardFixture;
namespace apdu = cardrig::apdu;

namespace {

constexpr int either = -1; ///< tries, where the write of the counter is torn

struct Case {
    const char* place;
    const char* effect;
    bool befalls;       ///< what the world says of it, if it is asked
    const char* answer; ///< of a VERIFY with a wrong passcode
    int tries;          ///< 3 where the card never saw it, 2 where it executed it
    bool powered;       ///< afterwards
};

} // namespace

BOOST_AUTO_TEST_SUITE(rigged_card_faults)

BOOST_AUTO_TEST_CASE(every_verb_happens_at_every_place_where_it_can_be) {
    const std::vector<Case> cases{
        {"verify before", "insert reader 2", false, "63C2", 2, true},
        {"verify before", "remove", true, "removed", 3, false},
        {"verify before", "remove reader 2", false, "63C2", 2, true},
        {"verify before", "swap card agent", true, "removed", 3, false},
        {"verify before", "swap reader 2", false, "63C2", 2, true},
        {"verify before", "reset", false, "63C2", 2, true},
        {"verify before", "cut-power", false, "no power", 3, false},
        {"verify before", "cut-power reader 1", true, "no power", 3, false},
        {"verify before", "cut-power reader 2", false, "63C2", 2, true},
        {"verify before", "unplug", true, "no power", 3, false},
        {"verify before", "unplug reader 2", false, "63C2", 2, true},
        {"verify before", "plug reader 2", false, "63C2", 2, true},
        {"verify before", "answer 6A80", false, "6A80", 3, true},
        {"verify before", "delay 1 ms", false, "63C2", 2, true},
        {"verify before", "fill-memory leaving 0 bytes", false, "63C2", 2, true},
        {"verify before", "kill-client", false, "63C2", 2, true},
        {"verify before", "wait", false, "63C2", 2, true},

        {"verify after", "insert reader 2", false, "63C2", 2, true},
        {"verify after", "remove", true, "removed", 2, false},
        {"verify after", "remove reader 2", false, "63C2", 2, true},
        {"verify after", "swap card agent", true, "removed", 2, false},
        {"verify after", "reset", false, "63C2", 2, true},
        {"verify after", "cut-power", false, "no power", 2, false},
        {"verify after", "cut-power reader 2", false, "63C2", 2, true},
        {"verify after", "unplug", true, "no power", 2, false},
        {"verify after", "plug reader 2", false, "63C2", 2, true},
        {"verify after", "answer 9000", false, "9000", 2, true},
        {"verify after", "truncate 1 byte", false, "short", 2, true},
        {"verify after", "truncate 3 bytes", false, "short", 2, true},
        {"verify after", "extend 00FF", false, "63C2", 2, true},
        {"verify after", "flip bit 15", false, "63C3", 2, true},
        {"verify after", "delay 1 ms", false, "63C2", 2, true},
        {"verify after", "fill-memory leaving 0 bytes", false, "63C2", 2, true},
        {"verify after", "kill-client", false, "63C2", 2, true},
        {"verify after", "wait", false, "63C2", 2, true},

        {"verify write #1", "insert reader 2", false, "63C2", 2, true},
        {"verify write #1", "remove", true, "removed", either, false},
        {"verify write #1", "remove erase-block", true, "removed", either, false},
        {"verify write #1", "remove reader 2", false, "63C2", 2, true},
        {"write #1", "swap card agent", true, "removed", either, false},
        {"verify write #1", "reset", false, "no power", either, true},
        {"verify write #1", "reset erase-block", false, "no power", either, true},
        {"verify write #1", "cut-power prefix none", false, "no power", 3, false},
        {"write #1", "cut-power", false, "no power", either, false},
        {"write #1", "cut-power reader 2", false, "63C2", 2, true},
        {"verify write #1", "unplug weak-bits", true, "no power", either, false},
        {"verify write #1", "plug reader 2", false, "63C2", 2, true},
        {"verify write #1", "delay 1 ms", false, "63C2", 2, true},
        {"verify write #1", "kill-client", false, "63C2", 2, true},
        {"write #1", "wait", false, "63C2", 2, true},
    };
    for (const Case& one : cases) {
        BOOST_TEST_CONTEXT(one.effect << " at " << one.place) {
            Fixture rig;
            rig.with_world();
            rig.world.befalls = one.befalls;
            const Fault fault = make_fault(one.place, one.effect);
            rig.card.add(fault);
            BOOST_TEST(rig.status(wrong_passcode) == one.answer);
            BOOST_TEST(rig.card.pending_faults().empty());
            BOOST_TEST(rig.card.powered() == one.powered);
            BOOST_TEST(rig.card.atr().empty() == !one.powered);
            // The world is asked where something moves or a reader is named, and never else.
            const bool asked = moves(fault.effect.verb) || fault.effect.reader.has_value();
            BOOST_TEST(rig.world.asked.size() == (asked ? 1U : 0U));
            const auto faults = rig.of_kind("fault");
            BOOST_TEST_REQUIRE(faults.size() == 1U);
            BOOST_TEST(faults[0].fields.at("effect") == one.effect);
            BOOST_TEST(rig.told == std::vector<std::string>{one.effect}, boost::test_tools::per_element());
            if (!one.powered) {
                BOOST_TEST(rig.status(ask_tries) == "no power");
                rig.card.power_on();
            }
            const int tries = rig.tries();
            BOOST_TEST((one.tries == either ? tries == 3 || tries == 2 : tries == one.tries));
            BOOST_TEST(rig.status(ask_tries) == "63C" + std::to_string(tries));
        }
    }
}

BOOST_AUTO_TEST_CASE(without_a_world_it_does_what_it_can_alone) {
    for (const auto& [effect, answer] :
         std::vector<std::pair<const char*, const char*>>{{"remove", "removed"},
                                                          {"remove reader 2", "removed"},
                                                          {"swap", "removed"},
                                                          {"unplug", "no power"},
                                                          {"cut-power reader 2", "no power"},
                                                          {"insert", "63C2"},
                                                          {"plug", "63C2"},
                                                          {"kill-client", "63C2"}}) {
        Fixture rig;
        rig.card.add(make_fault("verify before", effect));
        BOOST_TEST(rig.status(wrong_passcode) == answer, effect);
        BOOST_TEST(rig.of_kind("reader").size() == (std::string(answer) == "removed" ? 1U : 0U), effect);
    }
}

BOOST_AUTO_TEST_CASE(answers_are_changed_as_it_is_said) {
    Fixture rig;
    const apdu::Bytes whole = rig.send(read_chuid).value();
    const auto changed = [&](const char* effect) {
        rig.card.plan({make_fault("get-data after", effect)});
        return rig.send(read_chuid).value();
    };
    apdu::Bytes expected = whole;
    expected.resize(expected.size() - 3);
    BOOST_CHECK(changed("truncate 3 bytes") == expected);
    BOOST_CHECK(changed("truncate 65538 bytes").empty());
    expected = whole;
    expected.insert(expected.end() - 2, {0x00, 0xFF});
    BOOST_CHECK(changed("extend 00FF") == expected);
    expected = whole;
    expected[0] ^= 0x80U;
    BOOST_CHECK(changed("flip bit 0") == expected);
    expected = whole;
    expected[2] ^= 0x40U;
    BOOST_CHECK(changed("flip bit 17") == expected);
    BOOST_CHECK(changed("flip bit 524287") == whole); // there is no such bit
    BOOST_CHECK(rig.send(read_chuid).value() == whole);
}

BOOST_AUTO_TEST_CASE(what_a_truncated_answer_ends_with_is_no_status_word_and_may_be_secret) {
    Fixture rig;
    rig.card.add(make_fault("general-authenticate after", "truncate 2 bytes"));
    BOOST_TEST(rig.send(ask_challenge).value().size() == 12U);
    const TraceEvent event = rig.of_kind("apdu").back();
    BOOST_TEST(event.fields.at("response") == "..");
    BOOST_TEST(!event.fields.contains("status"));
    BOOST_TEST(event.fields.at("card-status") == "9000");
}

BOOST_AUTO_TEST_CASE(a_reset_takes_what_is_volatile_before_or_after_a_command) {
    Fixture rig;
    BOOST_TEST(rig.status(right_passcode) == "9000");
    BOOST_TEST(rig.status(ask_tries) == "9000");
    rig.card.add(make_fault("verify passcode-status before", "reset"));
    BOOST_TEST(rig.status(ask_tries) == "63C3");
    rig.card.add(make_fault("verify passcode after", "reset"));
    BOOST_TEST(rig.status(right_passcode) == "9000");
    BOOST_TEST(rig.status(ask_tries) == "63C3");
    BOOST_TEST(rig.of_kind("power").size() == 1U); // the one at the beginning
}

BOOST_AUTO_TEST_CASE(a_reset_in_a_chain_leaves_a_card_that_knows_nothing_of_it) {
    Fixture rig;
    authenticate(rig);
    rig.card.add(make_fault("put-data block 2 before", "reset"));
    const std::string status = put(rig, 300);
    BOOST_TEST(status != "9000");
    BOOST_TEST(status.size() == 4U, status); // it was answered
    BOOST_TEST(rig.card.pending_faults().empty());
    authenticate(rig);
    BOOST_TEST(put(rig, 300) == "9000");
}

BOOST_AUTO_TEST_CASE(a_card_that_is_reset_at_a_write_starts_again_by_itself) {
    Fixture rig;
    BOOST_TEST(rig.status(right_passcode) == "9000");
    const std::size_t before = rig.of_kind("power").size();
    rig.card.add(make_fault("verify write #1", "reset prefix none"));
    BOOST_TEST(rig.status(wrong_passcode) == "no power");
    BOOST_TEST(rig.status(ask_tries) == "63C3");
    const auto power = rig.of_kind("power");
    BOOST_TEST_REQUIRE(power.size() == before + 2);
    BOOST_TEST(power[before].fields.at("event") == "off");
    BOOST_TEST(power[before + 1].fields.at("event") == "on");
}

BOOST_AUTO_TEST_CASE(a_card_that_is_reset_while_it_recovers_starts_once_more) {
    std::size_t met = 0;
    for (std::uint64_t cut = 1; cut <= 60; ++cut) {
        Fixture rig;
        authenticate(rig);
        rig.card.add(make_fault("put-data write #" + std::to_string(cut), "cut-power erased-page"));
        if (put(rig, 20) == "9000") {
            break; // no such write
        }
        rig.card.add(make_fault("write #" + std::to_string(rig.card.writes() + 1), "reset erased-page"));
        rig.card.power_on();
        met += rig.card.pending_faults().empty() ? 1 : 0;
        BOOST_TEST(!rig.card.atr().empty());
        BOOST_TEST(!rig.card.mute().has_value());
        BOOST_TEST(rig.status(read_chuid) == "9000");
    }
    BOOST_TEST(met > 0U);
}

BOOST_AUTO_TEST_CASE(several_at_one_place_happen_in_the_order_of_the_plan) {
    Fixture rig;
    rig.with_world();
    rig.card.plan({make_fault("verify before", "insert reader 2"), make_fault("verify before", "wait"),
                   make_fault("any before", "answer 6A80"), make_fault("verify before", "answer 6A82"),
                   make_fault("verify after", "answer 6F00")});
    BOOST_TEST(rig.status(wrong_passcode) == "6A82");
    const std::vector<std::string> expected{"insert reader 2", "wait", "answer 6A80", "answer 6A82"};
    BOOST_TEST(rig.told == expected, boost::test_tools::per_element());
    BOOST_TEST(rig.of_kind("fault").size() == 4U);
    BOOST_TEST(rig.tries() == 3);
    BOOST_TEST(rig.card.forget().size() == 1U); // the card did not execute it: there is no after

    rig.card.plan({make_fault("verify after", "extend AA"), make_fault("verify after", "flip bit 0"),
                   make_fault("verify after", "truncate 1 byte")});
    const auto answer = rig.send(wrong_passcode);
    BOOST_CHECK((answer.value() == apdu::Bytes{0x2A, 0x63}));
}

BOOST_AUTO_TEST_CASE(what_comes_after_an_interruption_at_the_same_place_happens_too) {
    Fixture rig;
    rig.with_world();
    rig.world.act = [&](RiggedCard&, const Fault& fault) {
        rig.world.befalls = fault.effect.verb == Verb::remove;
    };
    rig.card.plan({make_fault("verify before", "remove"), make_fault("verify before", "insert card agent"),
                   make_fault("verify before", "answer 9000"), make_fault("verify before", "reset"),
                   make_fault("verify before", "fill-memory leaving 0 bytes")});
    BOOST_TEST(rig.status(wrong_passcode) == "removed");
    BOOST_TEST(rig.world.asked.size() == 2U);
    BOOST_TEST(rig.card.pending_faults().empty());
    BOOST_TEST(!rig.card.powered());
}

BOOST_AUTO_TEST_CASE(of_several_at_one_write_the_first_that_interrupts_tears_it) {
    Fixture rig;
    rig.with_world();
    rig.card.plan({make_fault("verify write #1", "delay 1 ms"),
                   make_fault("verify write #1", "cut-power prefix none"),
                   make_fault("verify write #1", "cut-power erase-block")});
    BOOST_TEST(rig.status(wrong_passcode) == "no power");
    BOOST_TEST(rig.told.size() == 3U);
    rig.card.power_on();
    BOOST_TEST(rig.tries() == 3);
}

BOOST_AUTO_TEST_CASE(the_world_may_take_the_power_of_the_card_that_asks_it) {
    // As Reader::remove() does, on the card's own thread.
    for (const char* place : {"verify before", "verify after", "verify write #1"}) {
        Fixture rig;
        rig.with_world();
        rig.world.befalls = true;
        rig.world.act = [](RiggedCard& card, const Fault&) { card.lose_power(); };
        rig.card.add(make_fault(place, "remove"));
        BOOST_TEST(rig.status(wrong_passcode) == "removed");
        BOOST_TEST(rig.of_kind("reader").empty()); // that is the world's to say
        BOOST_TEST(rig.status(ask_tries) == "no power");
        rig.card.power_off();
        rig.card.reset(); // switched off properly, it is no power-on
        BOOST_TEST(!rig.card.powered());
        rig.card.power_on();
        BOOST_TEST(rig.card.powered());
    }
}

BOOST_AUTO_TEST_CASE(the_write_is_torn_as_the_fault_says_whatever_the_world_does) {
    Fixture rig;
    rig.with_world();
    rig.world.befalls = true;
    rig.world.act = [](RiggedCard& card, const Fault&) { card.lose_power(); };
    rig.card.add(make_fault("verify write #1", "remove erase-block"));
    BOOST_TEST(rig.status(wrong_passcode) == "removed");
    const auto image = rig.card.image();
    const std::uint32_t block = image.config.geometry.block_size();
    const auto offset = rig.of_kind("memory-write").back().fields.at("offset").get<std::uint32_t>();
    const auto torn = apdu::ByteView(image.memory).subspan(offset / block * block, block);
    BOOST_TEST(std::ranges::all_of(torn, [](std::uint8_t byte) { return byte == 0xFF; }));
}

BOOST_AUTO_TEST_CASE(it_is_told_of_an_interruption_when_the_card_is_without_power) {
    for (const char* place : {"verify before", "verify after", "verify write #1"}) {
        Fixture rig;
        bool powered = true;
        rig.card.set_on_fault([&](const Fault& fault) {
            BOOST_TEST(fault.id == 42U);
            powered = rig.card.powered();
            BOOST_TEST(rig.card.pending_faults().empty());
            BOOST_TEST(!rig.card.image().memory.empty());
        });
        BOOST_TEST(rig.card.add(make_fault(place, "cut-power", 42)) == 42U);
        static_cast<void>(rig.status(wrong_passcode));
        BOOST_TEST(!powered);
    }
}

BOOST_AUTO_TEST_CASE(a_card_is_not_driven_from_within_its_own_fault) {
    Fixture rig;
    rig.card.set_on_fault([&](const Fault&) { rig.card.power_off(); });
    rig.card.add(make_fault("verify before", "wait"));
    BOOST_CHECK_THROW(static_cast<void>(rig.status(wrong_passcode)), std::logic_error);
    rig.card.set_on_fault({});
    rig.card.power_off();
    rig.card.power_on();
    BOOST_TEST(rig.status(ask_tries) == "63C3");
}

BOOST_AUTO_TEST_CASE(a_delay_takes_its_time) {
    for (const char* place : {"verify before", "verify after", "verify write #1"}) {
        Fixture rig;
        rig.card.add(make_fault(place, "delay 30 ms"));
        const auto begin = std::chrono::steady_clock::now();
        BOOST_TEST(rig.status(wrong_passcode) == "63C2");
        BOOST_CHECK(std::chrono::steady_clock::now() - begin >= std::chrono::milliseconds(30));
    }
}

BOOST_AUTO_TEST_CASE(a_filled_memory_refuses_objects_and_leaves_the_card_as_it_is) {
    const std::vector<ProfileOverrides> cards{{{"memory.protection", "none"}},
                                              {{"memory.protection", "journal"}},
                                              {{"memory.protection", "shadow"}},
                                              {{"memory.protection", "none"}, {"put-data", "streamed"}}};
    for (const ProfileOverrides& card : cards) {
        BOOST_TEST_CONTEXT("protection " << card.at("memory.protection") << ", " << card.size()) {
            Fixture rig(staff_card_with(card).image);
            authenticate(rig);
            BOOST_TEST(rig.status(right_passcode) == "9000");
            BOOST_TEST(put(rig, 1000) == "9000");
            const std::uint64_t writes = rig.card.writes();
            const std::size_t traced = rig.of_kind("memory-write").size();

            rig.card.add(make_fault("get-data before", "fill-memory leaving 100 bytes"));
            BOOST_TEST(rig.status(read_chuid) == "9000");
            BOOST_TEST(rig.card.writes() == writes);
            BOOST_TEST(rig.of_kind("memory-write").size() == traced);
            BOOST_TEST(rig.status(ask_tries) == "9000"); // still verified
            BOOST_TEST(put(rig, 1500) == "6A84");        // and still authenticated
            BOOST_TEST(put(rig, 900) == "9000");

            rig.card.power_off(); // what it is filled with stays
            rig.card.power_on();
            authenticate(rig);
            BOOST_TEST(put(rig, 1500) == "6A84");

            rig.card.fill_memory(4096);
            BOOST_TEST(put(rig, 1500) == "9000");
            BOOST_TEST(put(rig, 9000) == "6A84");
            rig.card.fill_memory(UINT32_MAX);
            BOOST_TEST(put(rig, 9000) == "9000");
        }
    }
}

BOOST_AUTO_TEST_CASE(a_card_without_power_is_filled_when_it_has_started) {
    Fixture rig;
    rig.card.power_off();
    rig.card.fill_memory(0);
    rig.card.power_on();
    authenticate(rig);
    BOOST_TEST(put(rig, 300) == "6A84");
}

BOOST_AUTO_TEST_CASE(memory_filled_in_the_middle_of_a_chain_refuses_its_end) {
    Fixture rig;
    authenticate(rig);
    rig.card.add(make_fault("put-data block 3 before", "fill-memory leaving 0 bytes"));
    BOOST_TEST(put(rig, 1500) == "6A84");
    BOOST_TEST(rig.card.pending_faults().empty());
}

BOOST_AUTO_TEST_SUITE_END()
