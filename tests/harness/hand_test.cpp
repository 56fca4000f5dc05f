#include "harness/hand/hand.h"

#include "harness/hand/control_server.h"
#include "tests/harness/hand_fixture.h"
#include "tests/harness/test_card.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace cardrig::harness;
using namespace std::chrono_literals;
using cardrig::test::hex;
namespace apdu = cardrig::apdu;

using Fixture = cardrig::test::HandFixture;
using cardrig::test::limit;
using cardrig::test::ReaderDouble;
using cardrig::test::select_piv;

namespace {

constexpr const char* wrong_passcode = "0020008008393939393939FFFF";

bool mentions(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_SUITE(hand)

// --- now -----------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_card_is_taken_out_and_put_back_and_clients_see_each_step) {
    Fixture rig;
    BOOST_TEST(rig.act("remove") == "");
    BOOST_TEST(rig.empty(1));
    rig.act("insert");
    BOOST_TEST(rig.in(1, 1));
    BOOST_TEST(rig.readers[0].log() == "insert remove settle insert settle ");
    BOOST_TEST(rig.told() == "removed0 inserted0 ");
}

BOOST_AUTO_TEST_CASE(another_card_takes_the_place_of_one) {
    Fixture rig;
    rig.act("swap");
    BOOST_TEST(rig.in(1, 2));
    rig.act("swap card agent");
    BOOST_TEST(rig.in(1, 3));
    BOOST_TEST(rig.readers[0].log() == "insert remove insert settle remove insert settle ");
    BOOST_TEST(rig.told() == "removed0 inserted0 removed0 inserted0 ");
}

BOOST_AUTO_TEST_CASE(what_a_card_does_is_said_of_the_reader_that_it_was_put_into) {
    Fixture rig;
    rig.power(1);
    rig.act("swap card 2");
    rig.power(2);
    rig.act("insert card 1 reader 2");
    rig.power(1);
    std::vector<std::pair<std::string, int>> powered; // with the card's name
    for (const TraceEvent& event : rig.trace.events()) {
        if (event.kind == "power" && event.fields.at("event") == "on") {
            powered.emplace_back(event.fields.at("card"), event.reader);
        }
    }
    BOOST_TEST((powered == std::vector<std::pair<std::string, int>>{{"1", 0}, {"2", 0}, {"1", 1}}));
}

BOOST_AUTO_TEST_CASE(insert_without_a_card_means_the_last_one_there_then_any_that_is_in_none) {
    Fixture rig;
    rig.act("swap card agent");
    rig.act("remove");
    rig.act("insert");
    BOOST_TEST(rig.in(1, 3));
    rig.act("insert reader 2");
    BOOST_TEST(rig.in(2, 1));
}

BOOST_AUTO_TEST_CASE(a_card_that_left_by_itself_is_the_last_one_there) {
    Fixture rig;
    rig.readers[0].remove();
    rig.act("insert");
    BOOST_TEST(rig.in(1, 1));
}

BOOST_AUTO_TEST_CASE(readers_are_unplugged_and_plugged) {
    Fixture rig;
    rig.act("unplug reader 2");
    BOOST_TEST(!rig.readers[1].plugged());
    BOOST_TEST(mentions(rig.refusal("unplug reader 2"), "reader 2 is unplugged already"));
    rig.act("plug reader 2");
    BOOST_TEST(rig.readers[1].plugged());
    BOOST_TEST(mentions(rig.refusal("plug"), "reader 1 is plugged in already"));
    BOOST_TEST(rig.told() == "unplugged1 plugged1 ");
}

BOOST_AUTO_TEST_CASE(a_card_without_power_is_silent_until_it_is_reset) {
    Fixture rig;
    rig.act("cut-power");
    BOOST_TEST(rig.in(1, 1));
    const auto answer = rig.send(select_piv);
    BOOST_TEST((!answer && answer.error() == NoAnswer::no_power));
    rig.cards[0].reset();
    BOOST_TEST(rig.status(select_piv) == "9000");
}

BOOST_AUTO_TEST_CASE(a_reset_card_has_forgotten_who_proved_what) {
    Fixture rig;
    BOOST_TEST(rig.status(select_piv) == "9000");
    BOOST_TEST(rig.status("0020008008313233343536FFFF") == "9000");
    BOOST_TEST(rig.status("00200080") == "9000");
    rig.act("reset");
    BOOST_TEST(rig.status("00200080") == "63C3");
}

BOOST_AUTO_TEST_CASE(what_only_a_command_brings_about_happens_at_the_next_one) {
    Fixture rig;
    rig.act("answer 6A80");
    BOOST_TEST(rig.status(select_piv) == "6A80");
    BOOST_TEST(rig.status(select_piv) == "9000");
    rig.act("extend 00FF");
    const auto extended = rig.send(wrong_passcode);
    BOOST_TEST((extended && *extended == hex("00FF63C2")));
    rig.act("flip bit 0");
    BOOST_TEST(rig.status(wrong_passcode) == "E3C1");
    BOOST_TEST(rig.hand->pending().empty());
}

BOOST_AUTO_TEST_CASE(memory_is_filled_now) {
    Fixture rig;
    rig.act("fill-memory leaving 100 bytes");
    BOOST_TEST(rig.hand->pending().empty());
}

BOOST_AUTO_TEST_CASE(the_client_is_killed) {
    Fixture rig;
    rig.act("kill-client");
    BOOST_TEST(rig.killed == 1);
}

BOOST_AUTO_TEST_CASE(what_makes_no_sense_is_refused_and_changes_nothing) {
    Fixture rig;
    BOOST_TEST(mentions(rig.refusal("insert"), "card 1 is in reader 1 already"));
    BOOST_TEST(mentions(rig.refusal("insert card 1 reader 2"), "card 1 is in reader 1: take it out first"));
    BOOST_TEST(mentions(rig.refusal("remove reader 2"), "no card is in reader 2"));
    BOOST_TEST(mentions(rig.refusal("swap reader 2"), "no card is in reader 2"));
    BOOST_TEST(mentions(rig.refusal("swap card 1"), "card 1 is in reader 1 already"));
    BOOST_TEST(mentions(rig.refusal("remove reader 3"), "there is no reader 3; the readers are 1 to 2"));
    BOOST_TEST(mentions(rig.refusal("swap card agnt"), "there is no card 'agnt'; there are: 1, 2, agent"));
    BOOST_TEST(mentions(rig.refusal("reset reader 2"), "no card is in reader 2"));
    BOOST_TEST(mentions(rig.refusal("cut-power reader 2"), "no card is in reader 2"));
    BOOST_TEST(mentions(rig.refusal("cut-power erase-block"), "memory write"));
    BOOST_TEST(mentions(rig.refusal("wait"), "place"));
    BOOST_TEST(rig.in(1, 1));
    BOOST_TEST(rig.empty(2));
    BOOST_TEST(rig.told() == "");
    BOOST_TEST(rig.readers[0].log() == "insert ");
}

BOOST_AUTO_TEST_CASE(what_clients_cannot_see_in_time_is_told) {
    Fixture rig;
    rig.readers[0].settles = false;
    BOOST_CHECK_THROW(rig.act("remove"), NotInTime);
}

BOOST_AUTO_TEST_CASE(what_a_card_threw_is_told) {
    Fixture rig;
    rig.readers[0].failure = std::make_exception_ptr(std::runtime_error("broken"));
    BOOST_CHECK_EXCEPTION(rig.act("remove"), HostError, [](const HostError& error) {
        return mentions(error.what(), "First failed: broken");
    });
}

BOOST_AUTO_TEST_CASE(waiting_can_be_stopped) {
    Fixture rig;
    struct Stop {};
    const auto stop = [] { throw Stop(); };
    BOOST_CHECK_THROW(rig.hand->act(Effect::parse("remove").value(), limit, stop), Stop);
    BOOST_CHECK_THROW(static_cast<void>(rig.hand->wait(Place::parse("any before").value(), limit, stop)),
                      Stop);
    BOOST_TEST(rig.hand->pending().empty());
}

BOOST_AUTO_TEST_CASE(what_vpcd_cannot_show_is_relaxed_and_said) {
    Fixture rig(ReaderKind::vpcd);
    BOOST_TEST(mentions(rig.act("cut-power"), "vpcd"));
    BOOST_TEST(rig.empty(1));
    BOOST_TEST(mentions(rig.act("unplug"), "vpcd"));
    rig.act("plug");
    rig.act("insert");
    BOOST_TEST(rig.act("reset") == "");
}

BOOST_AUTO_TEST_CASE(what_vpcd_cannot_show_is_said_to_whoever_asked_over_the_socket) {
    for (const bool planned : {false, true}) {
        Fixture rig(ReaderKind::vpcd);
        ControlRequest request;
        request.asked = ControlRequest::Asked::act;
        request.effect = Effect::parse("truncate 3 bytes").value();
        if (planned) {
            request.at = Place::parse("verify after").value();
        }
        const auto answer = answers_of(*rig.hand)(request, [] {});
        BOOST_TEST(mentions(answer.at("notice").get<std::string>(), "vpcd"));
        BOOST_TEST(answer.at("fault") == 1);
    }
}

// --- at a place ----------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_card_is_taken_out_by_its_own_command) {
    Fixture rig;
    const std::uint64_t id = rig.plan("remove", "verify passcode #2 before");
    BOOST_TEST(rig.hand->pending().size() == 1U);
    BOOST_TEST(rig.status(select_piv) == "9000");
    BOOST_TEST(rig.status(wrong_passcode) == "63C2");
    BOOST_TEST(!rig.hand->wait(id, 0ms));
    const auto answer = rig.send(wrong_passcode);
    BOOST_TEST((!answer && answer.error() == NoAnswer::removed));
    BOOST_TEST(rig.empty(1));
    BOOST_TEST(rig.hand->wait(id, limit));
    BOOST_TEST(rig.told() == "removed0 ");
    BOOST_TEST(rig.hand->pending().empty());
}

BOOST_AUTO_TEST_CASE(a_card_is_swapped_by_its_own_command) {
    Fixture rig;
    rig.plan("swap card agent", "verify passcode before");
    const auto answer = rig.send(wrong_passcode);
    BOOST_TEST((!answer && answer.error() == NoAnswer::removed));
    BOOST_TEST(rig.in(1, 3));
    BOOST_TEST(rig.told() == "removed0 inserted0 ");
}

BOOST_AUTO_TEST_CASE(a_command_of_one_card_moves_another) {
    Fixture rig;
    rig.act("insert card 2 reader 2");
    rig.plan("remove reader 2", "verify passcode after");
    BOOST_TEST(rig.status(wrong_passcode) == "63C2");
    BOOST_TEST(rig.empty(2));
    rig.plan("insert card agent reader 2", "verify passcode before");
    BOOST_TEST(rig.status(wrong_passcode) == "63C1");
    BOOST_TEST(rig.in(2, 3));
    rig.power(3);
    rig.plan("cut-power reader 2", "verify passcode before");
    BOOST_TEST(rig.status(wrong_passcode) == "63C0");
    BOOST_TEST(!rig.cards[2].powered());
    BOOST_TEST(rig.cards[0].powered());
}

BOOST_AUTO_TEST_CASE(the_card_of_a_place_is_the_one_that_it_names) {
    Fixture rig;
    rig.act("insert card agent reader 2");
    rig.power(3);
    rig.plan("remove", "verify passcode before card agent");
    BOOST_TEST(rig.status(wrong_passcode) == "63C2");
    BOOST_TEST(rig.status(wrong_passcode, 3) == "none");
    BOOST_TEST(rig.in(1, 1));
    BOOST_TEST(rig.empty(2));
}

BOOST_AUTO_TEST_CASE(a_client_is_killed_at_a_place) {
    Fixture rig;
    rig.plan("kill-client", "verify passcode after");
    BOOST_TEST(rig.status(wrong_passcode) == "63C2");
    BOOST_TEST(rig.killed == 1);
}

BOOST_AUTO_TEST_CASE(no_card_gets_a_command_of_a_client_that_was_killed) {
    Fixture rig;
    rig.plan("kill-client", "verify passcode before");
    BOOST_TEST(rig.status(wrong_passcode) == "6F00"); // to nobody
    BOOST_TEST(rig.killed == 1);
    BOOST_TEST(rig.status(wrong_passcode) == "6F00");
    rig.cards[0].set_forsaken(false); // as for the next client
    BOOST_TEST(rig.status("00200080") == "63C3");
}

BOOST_AUTO_TEST_CASE(a_fault_that_finds_nothing_to_move_is_noted_and_the_command_goes_on) {
    Fixture rig;
    const std::uint64_t id = rig.plan("remove reader 2", "verify passcode before");
    BOOST_TEST(!rig.hand->failure(id));
    BOOST_TEST(rig.status(wrong_passcode) == "63C2");
    BOOST_TEST(mentions(rig.notes(), "'remove reader 2' at verify passcode"));
    BOOST_TEST(mentions(rig.notes(), "no card is in reader 2"));
    BOOST_TEST(rig.hand->failure(id).value_or("") == rig.notes());
    BOOST_CHECK_EXCEPTION(static_cast<void>(rig.hand->wait(id, limit)), RequestError,
                          [](const auto& error) { return mentions(error.what(), "no card is in reader 2"); });
    const auto fault = rig.hand->status().at("faults").at(0);
    BOOST_TEST(fault.at("happened") == false);
    BOOST_TEST(fault.at("failed") == rig.notes());
    BOOST_TEST(rig.hand->pending().empty());
}

/// A client hears of it from the reader, before the card comes to tell anybody.
BOOST_AUTO_TEST_CASE(what_moved_has_happened_when_a_client_can_see_it) {
    Fixture rig;
    const std::uint64_t id = rig.plan("remove", "verify passcode before");
    std::optional<bool> happened;
    rig.trace.set_listener([&](const TraceEvent& event) {
        if (event.kind == "apdu") {
            happened = rig.hand->wait(id, 0ms);
        }
    });
    BOOST_TEST(rig.status(wrong_passcode) == "none");
    BOOST_TEST(happened.value_or(false));
    rig.trace.set_listener({});
}

BOOST_AUTO_TEST_CASE(plans_that_name_what_is_not_there_are_refused) {
    Fixture rig;
    BOOST_CHECK_THROW(rig.plan("remove reader 3", "verify before"), RequestError);
    BOOST_CHECK_THROW(rig.plan("swap card 9", "verify before"), RequestError);
    BOOST_CHECK_THROW(rig.plan("remove", "verify before card nobody"), RequestError);
    BOOST_CHECK_THROW(rig.plan("answer 6A80", "write #3"), RequestError);
    BOOST_TEST(rig.hand->pending().empty());
}

BOOST_AUTO_TEST_CASE(a_plan_is_forgotten) {
    Fixture rig;
    const std::uint64_t id = rig.plan("remove", "verify passcode before");
    rig.plan("answer 6A80", "verify passcode before card 2");
    BOOST_TEST(rig.hand->forget().size() == 2U);
    BOOST_TEST(rig.hand->pending().empty());
    BOOST_TEST(rig.status(wrong_passcode) == "63C2");
    BOOST_CHECK_THROW(static_cast<void>(rig.hand->wait(id, limit)), RequestError);
    BOOST_CHECK_THROW(static_cast<void>(rig.hand->wait(99, limit)), RequestError);
}

BOOST_AUTO_TEST_CASE(whoever_waits_for_a_place_is_told_when_a_card_comes_there) {
    Fixture rig;
    auto waited = std::async(std::launch::async,
                             [&] { return rig.hand->wait(Place::parse("verify before").value(), limit); });
    while (rig.hand->pending().empty() && waited.wait_for(1ms) != std::future_status::ready) {
    }
    BOOST_TEST(rig.status(wrong_passcode) == "63C2");
    BOOST_TEST(waited.get());
    BOOST_TEST(!rig.hand->wait(Place::parse("verify before").value(), 10ms));
    BOOST_TEST(rig.hand->pending().empty());
}

BOOST_AUTO_TEST_CASE(who_waits_no_longer_leaves_nothing_behind) {
    Fixture rig;
    for (int i = 0; i < 5000; ++i) { // more than a plan has room for
        BOOST_TEST_REQUIRE(!rig.hand->wait(Place::parse("verify before").value(), 0ms));
    }
    BOOST_TEST(rig.cards[0].pending_faults().empty());
    BOOST_TEST(rig.hand->status().at("faults").empty());
    BOOST_TEST(rig.status(wrong_passcode) == "63C2");
    const auto events = rig.trace.events();
    BOOST_TEST(std::ranges::none_of(events, [](const TraceEvent& event) { return event.kind == "fault"; }));
}

BOOST_AUTO_TEST_CASE(a_hand_that_is_gone_is_not_turned_to) {
    Fixture rig;
    rig.plan("remove", "verify passcode before");
    rig.hand.reset();
    BOOST_TEST(rig.status(wrong_passcode) == "none");
    BOOST_TEST(rig.in(1, 1)); // the card alone: nobody moved it
}

// --- all at once ---------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(faults_moves_and_questions_at_the_same_time_wait_for_nobody_for_ever) {
    Fixture rig;
    constexpr int rounds = 200;
    std::atomic<bool> over = false;
    const auto commands = [&](int card) {
        while (!over) {
            rig.cards[static_cast<std::size_t>(card)].power_on();
            static_cast<void>(rig.cards[static_cast<std::size_t>(card)].transmit(hex(select_piv)));
            std::this_thread::yield(); // else nobody else ever gets its lock
        }
    };
    const auto often = [&](const auto& work) {
        for (int i = 0; i < rounds; ++i) {
            try {
                work(i);
            } catch (const RequestError&) { // another thread was quicker
            }
        }
    };
    std::vector<std::thread> cards;
    for (int i = 0; i < 3; ++i) {
        cards.emplace_back(commands, i);
    }
    std::vector<std::future<void>> hands;
    const auto start = [&](auto work) {
        hands.push_back(std::async(std::launch::async, [&often, work] { often(work); }));
    };
    start([&](int i) { rig.act(i % 2 == 0 ? "swap" : "swap card agent"); });
    start([&](int i) { rig.act(i % 2 == 0 ? "insert reader 2" : "remove reader 2"); });
    start([&](int i) { rig.act(i % 2 == 0 ? "cut-power" : "reset reader 2"); });
    start([&](int i) {
        rig.plan(i % 2 == 0 ? "swap reader 2" : "remove reader 1", "select before card agent");
    });
    start([&](int i) { rig.plan(i % 2 == 0 ? "swap" : "insert reader 2", "select after card 2"); });
    std::atomic<int> whole = 0; // Boost.Test's checks are for one thread
    start([&](int) { whole += rig.hand->status().at("cards").size() == 3U ? 1 : 0; });
    start([&](int) { static_cast<void>(rig.hand->forget()); });
    start([&](int) { static_cast<void>(rig.hand->wait(Place::parse("any after").value(), 1ms)); });
    for (auto& done : hands) {
        BOOST_TEST_REQUIRE((done.wait_for(120s) == std::future_status::ready));
        done.get();
    }
    over = true;
    for (std::thread& thread : cards) {
        thread.join();
    }
    BOOST_TEST(whole == rounds);
}

BOOST_AUTO_TEST_CASE(a_card_is_moved_and_looked_at_while_its_command_waits) {
    Fixture rig;
    const std::uint64_t begun = rig.plan("wait", "any before");
    rig.act("delay 30 minutes");
    auto command = std::async(std::launch::async, [&] { return rig.status(select_piv); });
    BOOST_TEST(rig.hand->wait(begun, limit)); // told before the delay begins
    BOOST_TEST(rig.hand->status().at("cards").at(0).at("power").get<bool>());
    rig.act("remove");
    BOOST_TEST((command.wait_for(limit) == std::future_status::ready));
    BOOST_TEST(command.get() == "none");
}

BOOST_AUTO_TEST_CASE(what_waits_for_a_command_waits_so_long_and_no_longer) {
    Fixture rig;
    const std::uint64_t begun = rig.plan("wait", "any before");
    rig.act("delay 30 minutes");
    auto command = std::async(std::launch::async, [&] { return rig.status(select_piv); });
    BOOST_TEST(rig.hand->wait(begun, limit));
    for (const char* const effect : {"reset", "fill-memory leaving 100 bytes"}) {
        BOOST_CHECK_THROW(rig.hand->act(Effect::parse(effect).value(), 30ms), NotInTime);
        struct Enough {};
        BOOST_CHECK_THROW(rig.hand->act(Effect::parse(effect).value(), limit, [] { throw Enough{}; }),
                          Enough);
    }
    rig.act("remove");
    BOOST_TEST(command.get() == "none");
}

BOOST_AUTO_TEST_CASE(a_reset_by_hand_gives_nobody_power) {
    Fixture rig;
    rig.act("cut-power");
    rig.act("reset");
    BOOST_TEST(!rig.cards[0].powered());
    BOOST_TEST(rig.cards[0].reset_powered(limit)); // decided by the card, whatever was known before
    BOOST_TEST(!rig.cards[0].powered());
    rig.cards[0].reset(); // by its reader
    BOOST_TEST(rig.cards[0].powered());
}

BOOST_AUTO_TEST_CASE(the_status_tells_where_everything_is) {
    Fixture rig;
    const std::uint64_t id = rig.plan("remove", "verify passcode before");
    const auto status = rig.hand->status();
    BOOST_TEST(status.at("readers").at(0).dump() ==
               R"({"card":"1","name":"First","plugged":true,"reader":1})");
    BOOST_TEST(status.at("readers").at(1).at("card").is_null());
    BOOST_TEST(status.at("cards").at(0).at("reader") == 1);
    BOOST_TEST(status.at("cards").at(0).at("power") == true);
    BOOST_TEST(status.at("cards").at(0).at("atr").get<std::string>().starts_with("3B"));
    BOOST_TEST(status.at("cards").at(2).at("card") == "agent");
    BOOST_TEST(status.at("cards").at(2).at("reader").is_null());
    BOOST_TEST(status.at("cards").at(2).at("power") == false);
    BOOST_TEST(status.at("faults").at(0).at("fault") == id);
    BOOST_TEST(status.at("faults").at(0).at("at") == "verify passcode before");
    BOOST_TEST(status.at("faults").at(0).at("do") == "remove");
    BOOST_TEST(status.at("faults").at(0).at("happened") == false);
}

BOOST_AUTO_TEST_SUITE_END()
