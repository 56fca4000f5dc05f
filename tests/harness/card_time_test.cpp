// Places of card time: what happens when the card has taken so much, also in the middle of a wait.
#include "tests/harness/rigged_card_fixture.h"

#include <chrono>
#include <string>

#include <boost/test/unit_test.hpp>

using namespace cardrig::harness;
using namespace cardrig::test;
using namespace std::chrono_literals;

namespace {

struct Fixture : RiggedCardFixture {
    Fixture() : RiggedCardFixture(staff_card_with({{"timing", "real"}}).image) {}

    std::chrono::milliseconds timed(const std::string& command, const std::string& wanted) {
        const auto begin = std::chrono::steady_clock::now();
        BOOST_TEST(status(command) == wanted);
        return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                                     begin);
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(card_time, Fixture)

BOOST_AUTO_TEST_CASE(power_is_cut_in_the_middle_of_a_wait) {
    card.add(make_fault("card-time 300 ms", "cut-power"));
    int commands = 0;
    std::string last = "9000";
    const auto begin = std::chrono::steady_clock::now();
    while (last == "9000" && ++commands < 200) { // each takes some milliseconds
        last = status("00CB3FFF055C035FC105");
        if (last.starts_with("61")) {
            last = "9000";
        }
    }
    const auto took = std::chrono::steady_clock::now() - begin;
    BOOST_TEST(!card.powered());
    BOOST_TEST(card.pending_faults().empty());
    BOOST_TEST((took >= 290ms));
    BOOST_TEST((took < 20s));
    BOOST_TEST(card.lost_power());
}

BOOST_AUTO_TEST_CASE(time_is_counted_from_the_plan) {
    static_cast<void>(status(read_chuid));
    card.add(make_fault("card-time 60 minutes", "cut-power"));
    static_cast<void>(status(read_chuid));
    BOOST_TEST(card.pending_faults().size() == 1U);
    BOOST_TEST(card.powered());
}

BOOST_AUTO_TEST_CASE(what_waits_for_a_time_is_told) {
    card.set_on_fault([this](const Fault& fault) { told.push_back(fault.place.text()); });
    card.add(make_fault("card-time 1 ms", "wait"));
    BOOST_TEST(status(ask_tries) == "63C3");
    BOOST_TEST(told == std::vector<std::string>{"card-time 1 ms"});
}

BOOST_AUTO_TEST_CASE(a_card_that_takes_no_time_never_comes_there) {
    RiggedCardFixture quick;
    quick.card.add(make_fault("card-time 1 us", "cut-power"));
    BOOST_TEST(quick.status(ask_tries) == "63C3");
    BOOST_TEST(quick.card.pending_faults().size() == 1U);
}

BOOST_AUTO_TEST_CASE(what_the_card_cannot_do_meanwhile_is_refused) {
    for (const char* effect : {"reset", "fill-memory leaving 1 KiB", "answer 6A80"}) {
        const Fault fault{Place::parse("card-time 1 s").value(), Effect::parse(effect).value()};
        BOOST_TEST(!fault.check());
    }
}

BOOST_AUTO_TEST_SUITE_END()
