#include "harness/sweep/sweep_shrink.h"
#include "tests/harness/invented_sweep.h"

#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

namespace harness = cardrig::harness;
namespace tests = cardrig::tests;
using harness::FindingGroup;
using harness::Outcome;
using harness::PlaceOutcome;
using harness::TraceEvent;

namespace {

/// Of I4 on the card "agent".
FindingGroup group(Outcome outcome) {
    FindingGroup group;
    group.invariant = "I4";
    group.outcome = outcome;
    group.broken = {"I4", "agent", "a certificate without its key", outcome == Outcome::window, 1};
    return group;
}

PlaceOutcome seen(Outcome outcome, const std::string& invariant = "I4", const std::string& card = "agent") {
    PlaceOutcome seen = tests::outcome_of("live: verify before: remove", outcome, 3);
    seen.broken = {{invariant, card, "a certificate without its key", outcome == Outcome::window, 1}};
    return seen;
}

} // namespace

BOOST_AUTO_TEST_SUITE(sweep_shrink)

BOOST_AUTO_TEST_CASE(once_more_is_the_same_promise_of_the_same_card_with_the_same_end) {
    BOOST_TEST(harness::shows(group(Outcome::violation), seen(Outcome::violation)));
    BOOST_TEST(harness::shows(group(Outcome::window), seen(Outcome::window)));
    BOOST_TEST(harness::shows(group(Outcome::open), seen(Outcome::open)));
    BOOST_TEST(!harness::shows(group(Outcome::violation), seen(Outcome::window)));
    BOOST_TEST(!harness::shows(group(Outcome::window), seen(Outcome::violation)));
    BOOST_TEST(!harness::shows(group(Outcome::violation), seen(Outcome::violation, "I2")));
    BOOST_TEST(!harness::shows(group(Outcome::violation), seen(Outcome::violation, "I4", "holder")));
    BOOST_TEST(!harness::shows(group(Outcome::violation), PlaceOutcome{}));
}

BOOST_AUTO_TEST_CASE(a_place_that_was_not_reached_shows_nothing) {
    BOOST_TEST(!harness::shows(group(Outcome::violation), seen(Outcome::diverged)));
    BOOST_TEST(!harness::shows(group(Outcome::violation), seen(Outcome::failed)));
}

BOOST_AUTO_TEST_SUITE_END()
