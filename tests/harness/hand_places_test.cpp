// Places in the client's output, and what a hand refuses.
#include "harness/hand/hand.h"

#include "tests/harness/hand_fixture.h"

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace cardrig::harness;
using namespace std::chrono_literals;
using Fixture = cardrig::test::HandFixture;

BOOST_AUTO_TEST_SUITE(hand_places)

BOOST_AUTO_TEST_CASE(what_is_asked_of_the_authority_is_not_in_its_reach) {
    Fixture rig;
    BOOST_CHECK_EXCEPTION(
        rig.plan("remove", "authority login before"), RequestError, [](const RequestError& error) {
            return std::string(error.what()).find("a scenario's 'fault'") != std::string::npos;
        });
}

BOOST_AUTO_TEST_CASE(places_that_are_not_the_hands_are_refused) {
    const Fixture rig;
    for (const char* place : {"output \"Writing\"", "authority certificate 9A after"}) {
        BOOST_CHECK_THROW(rig.plan("remove", place), RequestError);
    }
}

BOOST_AUTO_TEST_CASE(what_is_planned_for_a_line_is_done_when_it_is_heard) {
    Fixture rig;
    HandOptions options;
    options.readers = {{"First", &rig.readers[0]}, {"Second", &rig.readers[1]}};
    options.cards = {{"1", &rig.cards[0]}, {"2", &rig.cards[1]}, {"agent", &rig.cards[2]}};
    options.hears_client = true;
    rig.hand.reset();
    rig.hand = std::make_unique<Hand>(std::move(options), rig.trace);
    const auto removed = rig.plan("remove", "output \"Writing\"");
    const auto again = rig.plan("remove", "output \"Done\"");
    const auto filled = rig.plan("fill-memory leaving 100 bytes", "output \"Pending\"");
    rig.hand->hear("9A Pending\n");
    BOOST_TEST(!rig.hand->wait(filled, 0ms)); // the card does that before its next command
    rig.hand->hear("9A Writ");
    BOOST_TEST(rig.readers[0].card() == &rig.cards[0]);
    rig.hand->hear("ing\n");
    BOOST_TEST(rig.readers[0].card() == nullptr);
    BOOST_TEST(rig.hand->wait(removed, 0ms));
    rig.hand->hear("9A Done\n");
    BOOST_TEST(rig.hand->failure(again).value_or("").find("no card is in reader 1") != std::string::npos);
    const std::vector<Fault> left = rig.hand->forget();
    BOOST_TEST_REQUIRE(left.size() == 1U);
    BOOST_TEST(left[0].place.text() == "output \"Pending\"");
}

BOOST_AUTO_TEST_SUITE_END()
