// What pcscd sees of cards that come and go, and when.
#include "tests/harness/ifd_driver.h"

#include <array>
#include <future>

#include <boost/test/unit_test.hpp>

namespace {

using namespace cardrig::harness;
using cardrig::harness::testing::ample;
using cardrig::harness::testing::DriverRig;
using cardrig::harness::testing::PollingThread;
using cardrig::harness::testing::ScriptedCard;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

std::vector<RESPONSECODE> presences(const PollingThread& pcscd) {
    std::vector<RESPONSECODE> all;
    for (const auto& seen : pcscd.seen()) {
        all.push_back(seen.presence);
    }
    return all;
}

using Codes = std::vector<RESPONSECODE>;

} // namespace

BOOST_AUTO_TEST_SUITE(ifd_events)

BOOST_AUTO_TEST_CASE(a_card_put_in_before_the_start_is_in_from_the_start) {
    ScriptedCard card;
    const DriverRig rig(2, [&](ReaderServer& server) { server.reader(1).insert(card); });
    BOOST_TEST(rig.driver(0).presence() == IFD_ICC_NOT_PRESENT);
    BOOST_TEST(rig.driver(1).presence() == IFD_ICC_PRESENT);
}

BOOST_AUTO_TEST_CASE(a_server_is_open_when_each_reader_waits_for_events) {
    const DriverRig rig(2);
    const PollingThread first(rig.driver(0));
    BOOST_CHECK_THROW(rig.server->wait_until_open(milliseconds(50), {}), std::exception);
    const PollingThread second(rig.driver(1));
    rig.server->wait_until_open(ample, {});
}

BOOST_AUTO_TEST_CASE(waiting_for_a_daemon_can_be_stopped) {
    ReaderServer server(testing::DriverRig().folder.path() + "-gone", 1);
    BOOST_CHECK_THROW(server.wait_until_open(ample, [] { throw std::logic_error("stopped"); }),
                      std::logic_error);
    BOOST_CHECK_THROW(
        static_cast<void>(server.reader(0).settle(ample, [] { throw std::logic_error("stopped"); })),
        std::logic_error);
}

BOOST_AUTO_TEST_CASE(no_transition_is_lost_however_fast_they_come) {
    constexpr std::size_t rounds = 2000;
    ScriptedCard card;
    const DriverRig rig;
    const PollingThread pcscd(rig.driver());
    Codes expected{IFD_ICC_NOT_PRESENT};
    rig.server->wait_until_open(ample, {});
    for (std::size_t i = 0; i < rounds; ++i) {
        rig.reader().insert(card);
        rig.reader().remove();
        expected.insert(expected.end(), {IFD_ICC_PRESENT, IFD_ICC_NOT_PRESENT});
    }
    rig.settle();
    BOOST_TEST(presences(pcscd) == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_card_that_was_in_for_an_instant_is_not_shown_as_mute) {
    ScriptedCard card;
    const DriverRig rig;
    const PollingThread pcscd(rig.driver());
    rig.reader().insert(card);
    rig.settle();
    rig.reader().remove();
    for (int i = 0; i < 10; ++i) {
        rig.reader().insert(card);
        rig.reader().remove();
    }
    rig.settle();
    for (const auto& seen : pcscd.seen()) {
        BOOST_TEST(seen.power == IFD_SUCCESS);
    }
}

BOOST_AUTO_TEST_CASE(two_transitions_are_never_closer_than_half_a_millisecond) {
    ScriptedCard card;
    const DriverRig rig;
    BOOST_REQUIRE(rig.driver().wait(0) == IFD_SUCCESS);
    for (int i = 0; i < 20; ++i) {
        rig.reader().insert(card);
        rig.reader().remove();
    }
    auto last = steady_clock::now();
    for (int i = 0; i < 40; ++i) {
        BOOST_REQUIRE(rig.driver().wait(20'000) == IFD_SUCCESS);
        const auto now = steady_clock::now();
        if (i > 0) { // the first one has waited long enough
            BOOST_TEST((now - last >= std::chrono::microseconds(480)), "transition " << i);
        }
        last = now;
    }
}

BOOST_AUTO_TEST_CASE(the_polling_thread_sees_one_transition_at_a_time_and_others_what_is_true) {
    ScriptedCard card;
    const DriverRig rig;
    BOOST_REQUIRE(rig.driver().wait(0) == IFD_SUCCESS); // this is the polling thread from now on
    const auto elsewhere = [&] {
        return std::async(std::launch::async, [&] { return rig.driver().presence(); }).get();
    };
    rig.reader().insert(card);
    BOOST_TEST(rig.driver().presence() == IFD_ICC_NOT_PRESENT);
    BOOST_TEST(rig.driver().wait(20'000) == IFD_SUCCESS);
    BOOST_TEST(rig.driver().presence() == IFD_ICC_PRESENT);
    BOOST_TEST(elsewhere() == IFD_ICC_PRESENT);
    rig.reader().remove();
    BOOST_TEST(rig.driver().presence() == IFD_ICC_PRESENT);
    BOOST_TEST(elsewhere() == IFD_ICC_NOT_PRESENT);
    BOOST_TEST(rig.driver().wait(20'000) == IFD_SUCCESS);
    BOOST_TEST(rig.driver().presence() == IFD_ICC_NOT_PRESENT);
}

BOOST_AUTO_TEST_CASE(settled_is_what_pcscd_has_told_its_clients) {
    ScriptedCard card;
    const DriverRig rig;
    BOOST_REQUIRE(rig.driver().wait(0) == IFD_SUCCESS);
    BOOST_TEST(rig.reader().settle(ample, {}));
    rig.reader().insert(card);
    BOOST_TEST(!rig.reader().settle(milliseconds(20), {}));
    BOOST_REQUIRE(rig.driver().wait(20'000) == IFD_SUCCESS); // taken: pcscd is about to tell
    BOOST_TEST(!rig.reader().settle(milliseconds(20), {}));
    BOOST_REQUIRE(rig.driver().wait(0) == IFD_SUCCESS); // told
    BOOST_TEST(rig.reader().settle(ample, {}));
}

BOOST_AUTO_TEST_CASE(a_card_is_reached_only_after_pcscd_has_heard_that_the_one_before_left) {
    ScriptedCard first;
    ScriptedCard second;
    DriverRig rig(1, [&](ReaderServer& server) { server.reader(0).insert(first); });
    BOOST_TEST(rig.driver().power(IFD_POWER_UP).code == IFD_SUCCESS);
    BOOST_REQUIRE(rig.driver().wait(0) == IFD_SUCCESS);
    rig.reader().remove();
    rig.reader().insert(second);
    BOOST_TEST(rig.reader().card() == &second);
    // A client that holds the first card must not talk to the second one.
    BOOST_TEST(rig.driver().transmit({0, 0xA4, 0, 0}).code == IFD_ICC_NOT_PRESENT);
    BOOST_TEST(rig.driver().power(IFD_RESET).code != IFD_SUCCESS);
    BOOST_REQUIRE(rig.driver().wait(20'000) == IFD_SUCCESS);
    BOOST_TEST(rig.driver().presence() == IFD_ICC_NOT_PRESENT);
    BOOST_TEST(rig.driver().transmit({0, 0xA4, 0, 0}).code == IFD_ICC_NOT_PRESENT);
    BOOST_REQUIRE(rig.driver().wait(20'000) == IFD_SUCCESS);
    BOOST_TEST(rig.driver().presence() == IFD_ICC_PRESENT);
    BOOST_TEST(rig.driver().transmit({0, 0xA4, 0, 0}).code == IFD_SUCCESS);
    rig.server.reset();
    BOOST_TEST(first.log == "on off ");
    BOOST_TEST(second.log == "on off ");
}

BOOST_AUTO_TEST_CASE(a_wait_that_is_over_or_was_stopped_is_a_success) {
    const DriverRig rig;
    BOOST_TEST(rig.driver().wait(5) == IFD_SUCCESS);
    BOOST_TEST(rig.driver().stop_waiting() == IFD_SUCCESS);
    const auto before = steady_clock::now();
    BOOST_TEST(rig.driver().wait(600'000) == IFD_SUCCESS);
    BOOST_TEST((steady_clock::now() - before < ample));
    auto waiting = std::async(std::launch::async, [&] { return rig.driver().wait(600'000); });
    BOOST_TEST(rig.driver().stop_waiting() == IFD_SUCCESS);
    BOOST_REQUIRE((waiting.wait_for(ample) == std::future_status::ready));
    BOOST_TEST(waiting.get() == IFD_SUCCESS);
}

BOOST_AUTO_TEST_CASE(a_reader_that_is_unplugged_is_unavailable_and_its_card_without_power) {
    ScriptedCard card;
    const DriverRig rig(1, [&](ReaderServer& server) { server.reader(0).insert(card); });
    const PollingThread pcscd(rig.driver());
    rig.settle();
    rig.reader().unplug();
    rig.reader().unplug();
    BOOST_TEST(!rig.reader().plugged());
    rig.settle();
    BOOST_TEST(rig.driver().transmit({1}).code == IFD_COMMUNICATION_ERROR);
    BOOST_TEST(rig.driver().power(IFD_POWER_UP).code == IFD_COMMUNICATION_ERROR);
    BOOST_TEST(rig.driver().presence() == IFD_COMMUNICATION_ERROR);
    BOOST_TEST(rig.reader().card() == &card);
    rig.reader().plug();
    rig.settle();
    BOOST_TEST(rig.driver().transmit({1}).code == IFD_SUCCESS);
    rig.reader().unplug();
    rig.reader().remove();
    rig.reader().plug();
    rig.settle();
    BOOST_TEST(presences(pcscd) == (Codes{IFD_ICC_PRESENT, IFD_COMMUNICATION_ERROR, IFD_ICC_PRESENT,
                                          IFD_COMMUNICATION_ERROR, IFD_ICC_NOT_PRESENT}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
