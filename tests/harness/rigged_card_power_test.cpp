// A card whose command waits in a fault: it is hurried, planned for, looked at, and loses its power.
#include "tests/harness/rigged_card_fixture.h"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <string>
#include <thread>

using namespace cardrig::harness;
using namespace cardrig::test;
using Fixture = RiggedCardFixture;
namespace apdu = cardrig::apdu;

namespace {

constexpr auto limit = std::chrono::seconds(60);

/// A command that waits in a fault of an hour, on a thread of its own.
class Waiting {
public:
    /// `place` is one of a VERIFY.
    Waiting(Fixture& rig, const std::string& place) : rig_(rig) {
        rig.card.set_on_fault([this](const Fault& fault) {
            if (fault.effect.verb == Verb::wait) {
                there_.set_value();
            }
        });
        rig.card.add(make_fault(place, "wait"));
        rig.card.add(make_fault(place, "delay 60 minutes"));
        answer_ = std::async(std::launch::async, [&rig] { return rig.status(wrong_passcode); });
        BOOST_TEST_REQUIRE((there_.get_future().wait_for(limit) == std::future_status::ready));
    }
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    ~Waiting() { rig_.card.hurry(); }

    [[nodiscard]] bool is_over() {
        return answer_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
    }
    std::string answer() {
        BOOST_TEST_REQUIRE((answer_.wait_for(limit) == std::future_status::ready));
        return answer_.get();
    }

private:
    Fixture& rig_;
    std::promise<void> there_;
    std::future<std::string> answer_;
};

} // namespace

BOOST_AUTO_TEST_SUITE(rigged_card_power)

BOOST_AUTO_TEST_CASE(hurry_ends_a_delay_and_the_command_goes_on) {
    Fixture rig;
    Waiting waiting(rig, "verify before");
    BOOST_TEST(!waiting.is_over());
    rig.card.hurry();
    BOOST_TEST(waiting.answer() == "63C2");
}

BOOST_AUTO_TEST_CASE(a_command_that_is_held_up_does_not_outlive_whoever_waits_for_it) {
    Fixture rig;
    Waiting waiting(rig, "verify before");
    rig.card.set_forsaken(true);
    BOOST_TEST(waiting.answer() == "6F00"); // to nobody
    const TraceEvent event = rig.of_kind("apdu").back();
    BOOST_TEST(event.fields.at("delivered") == false);
    BOOST_TEST(!event.fields.contains("response"));
    BOOST_TEST(rig.card.powered());
    BOOST_TEST(rig.card.writes() == 0U);
    rig.card.set_forsaken(false);
    rig.card.add(make_fault("verify before", "delay 20 ms")); // waits are waits again
    const auto begin = std::chrono::steady_clock::now();
    BOOST_TEST(rig.status(ask_tries) == "63C3");
    BOOST_CHECK(std::chrono::steady_clock::now() - begin >= std::chrono::milliseconds(20));
}

BOOST_AUTO_TEST_CASE(a_command_that_the_card_has_is_executed_also_for_nobody) {
    for (const char* place : {"verify write #1", "verify after"}) {
        Fixture rig;
        Waiting waiting(rig, place);
        rig.card.set_forsaken(true);
        BOOST_TEST(waiting.answer() == "63C2");
        BOOST_TEST(rig.tries() == 2);
    }
}

BOOST_AUTO_TEST_CASE(power_that_was_lost_is_told_from_power_that_was_switched_off) {
    Fixture rig;
    BOOST_TEST(!rig.card.lost_power());
    rig.card.power_off();
    BOOST_TEST(!rig.card.lost_power());
    rig.card.power_on();
    rig.card.lose_power();
    BOOST_TEST(rig.card.lost_power());
    rig.card.reset();
    BOOST_TEST(!rig.card.lost_power());
    rig.card.add(make_fault("verify after", "cut-power"));
    BOOST_TEST(rig.status(ask_tries) == "no power");
    BOOST_TEST(rig.card.lost_power());
    rig.card.power_off();
    BOOST_TEST(!rig.card.lost_power());
}

BOOST_AUTO_TEST_CASE(while_a_command_waits_faults_are_planned_and_looked_at) {
    Fixture rig;
    Waiting waiting(rig, "verify after");
    BOOST_TEST(rig.card.pending_faults().empty());
    rig.card.add(make_fault("any before", "answer 6F00", 7));
    BOOST_TEST(rig.card.pending_faults().size() == 1U);
    BOOST_TEST(!rig.card.atr().empty());
    BOOST_TEST(rig.card.writes() > 0U);
    BOOST_TEST(!waiting.is_over());
    rig.card.hurry();
    BOOST_TEST(waiting.answer() == "63C2"); // what is planned meanwhile is for the next one
    BOOST_TEST(rig.status(ask_tries) == "6F00");
}

BOOST_AUTO_TEST_CASE(power_that_fails_before_a_command_is_delivered_leaves_the_card_as_it_was) {
    Fixture rig;
    Waiting waiting(rig, "verify before");
    rig.card.lose_power();
    BOOST_TEST(rig.card.atr().empty());
    BOOST_TEST(waiting.answer() == "no power");
    BOOST_TEST(rig.card.writes() == 0U);
    BOOST_TEST(rig.status(ask_tries) == "no power");
    rig.card.power_on();
    BOOST_TEST(rig.status(ask_tries) == "63C3");
}

BOOST_AUTO_TEST_CASE(power_that_fails_in_a_memory_write_tears_it_and_nothing_more_is_written) {
    Fixture undisturbed;
    BOOST_TEST(undisturbed.status(right_passcode) == "9000");
    BOOST_TEST(undisturbed.card.writes() > 1U);
    Fixture rig;
    Waiting waiting(rig, "verify write #1");
    const auto image_before = staff_card().image.memory;
    rig.card.lose_power();
    BOOST_TEST(waiting.answer() == "no power");
    BOOST_TEST(rig.card.writes() == 1U);
    // The first half of that write at most is there.
    const auto fields = rig.of_kind("memory-write").back().fields;
    const auto offset = fields.at("offset").get<std::size_t>();
    const auto length = fields.at("length").get<std::size_t>();
    const auto image = rig.card.image().memory;
    for (std::size_t i = 0; i < image.size(); ++i) {
        if (i < offset || i >= offset + length / 2) {
            BOOST_REQUIRE(image[i] == image_before[i]);
        }
    }
    rig.card.power_on();
    BOOST_TEST(rig.status(read_chuid) == "9000");
}

BOOST_AUTO_TEST_CASE(power_that_fails_after_a_command_was_executed_keeps_its_answer) {
    Fixture rig;
    Waiting waiting(rig, "verify after");
    rig.card.lose_power();
    BOOST_TEST(waiting.answer() == "no power");
    BOOST_TEST(rig.of_kind("apdu").back().fields.at("card-status") == "63C2");
    rig.card.power_on();
    BOOST_TEST(rig.tries() == 2);
}

BOOST_AUTO_TEST_CASE(power_that_fails_between_commands_takes_what_is_volatile_at_once) {
    Fixture rig;
    BOOST_TEST(rig.status(right_passcode) == "9000");
    const std::uint64_t writes = rig.card.writes();
    rig.card.lose_power();
    BOOST_TEST(rig.of_kind("power").back().fields.at("event") == "off");
    BOOST_TEST(!rig.card.powered());
    BOOST_TEST(rig.status(ask_tries) == "no power");
    rig.card.reset(); // a reader's reset powers it again
    BOOST_TEST(rig.card.powered());
    BOOST_TEST(rig.card.writes() == writes);
    BOOST_TEST(rig.status(ask_tries) == "63C3");
    rig.card.add(make_fault("verify after", "delay 5 ms")); // waits are waits again
    const auto begin = std::chrono::steady_clock::now();
    BOOST_TEST(rig.status(ask_tries) == "63C3");
    BOOST_CHECK(std::chrono::steady_clock::now() - begin >= std::chrono::milliseconds(5));
}

BOOST_AUTO_TEST_CASE(power_may_fail_at_any_moment_of_many_commands) {
    Fixture rig;
    std::atomic<bool> done = false;
    std::thread failing([&] {
        while (!done) {
            rig.card.lose_power();
            static_cast<void>(rig.card.writes());
            static_cast<void>(rig.card.atr());
            std::this_thread::yield();
        }
    });
    int answered = 0;
    int cut = 0; // since the last one that was answered: each may have cost a try, which that one gave back
    for (int i = 0; i < 300; ++i) {
        rig.card.power_on();
        const std::string status = rig.status(right_passcode);
        if (status == "9000") {
            ++answered;
            cut = 0;
        } else if (status == "no power") {
            ++cut;
        } else { // the tries are counted before the passcode is compared, so three such cuts lock the card
            BOOST_TEST(status == "6983");
            BOOST_TEST(cut >= 3);
            break;
        }
    }
    done = true;
    failing.join();
    rig.card.power_on();
    rig.card.reset();
    BOOST_TEST(rig.status(read_chuid) == "9000");
    const int tries = rig.tries();
    BOOST_TEST(tries <= 3);
    BOOST_TEST(tries >= 3 - cut);
    BOOST_TEST_MESSAGE(answered << " of 300 were answered");
}

BOOST_AUTO_TEST_SUITE_END()
