#include "harness/sweep/cut_trace.h"
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
using harness::Recording;
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

TraceEvent event(std::uint64_t number, const std::string& kind) {
    TraceEvent event;
    event.number = number;
    event.kind = kind;
    event.fields = {{"event", "on"}};
    return event;
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

BOOST_AUTO_TEST_CASE(the_trace_of_a_recovery_is_around_its_cut) {
    Recording recording;
    for (std::uint64_t number = 1; number <= 20; ++number) {
        recording.events.push_back(event(number, "power"));
    }
    const auto to_cut =
        harness::trace_to_cut(recording, tests::sweep_place_of("recovery: write #12: prefix half"), 9);
    BOOST_TEST_REQUIRE(to_cut.size() == 11U); // ten events, and the cut
    const auto whole = harness::trace_over_cut(to_cut, {event(1, "reader"), event(2, "power")});
    BOOST_TEST_REQUIRE(whole.size() == 14U);
    for (std::size_t i = 0; i < whole.size(); ++i) {
        BOOST_TEST(whole[i].number == i + 1);
    }
    const std::vector<std::string> shown = harness::trace_excerpt(whole);
    BOOST_TEST_REQUIRE(shown.size() == 10U); // six before, the cut, the note, and two
    BOOST_TEST(shown[6].starts_with(">>>"), shown[6]);
    BOOST_TEST((shown[6].find("write #12") != std::string::npos), shown[6]);
    BOOST_TEST((shown[7].find("the client is run") != std::string::npos), shown[7]);
}

BOOST_AUTO_TEST_SUITE_END()
