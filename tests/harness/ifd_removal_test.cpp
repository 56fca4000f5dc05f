// Cards that are moved while a command runs on them, by others and by themselves.
#include "tests/harness/ifd_driver.h"

#include <future>
#include <semaphore>

#include <boost/test/unit_test.hpp>

namespace {

using namespace cardrig::harness;
using cardrig::harness::testing::ample;
using cardrig::harness::testing::DriverReader;
using cardrig::harness::testing::DriverRig;
using cardrig::harness::testing::PollingThread;

const Bytes command{0x00, 0xCB, 0x3F, 0xFF};

/// A card whose commands run until it is told, or loses its power.
class SlowCard final : public ReaderCard {
public:
    void power_on() override { note("on "); }
    void power_off() override { note("off "); }
    void reset() override { note("reset "); }
    Bytes atr() override { return {0x3B, 0x00}; }
    Answer transmit(ByteView) override {
        note("begin ");
        running.release();
        if (deaf) {
            go_on.acquire();
        } else {
            power_or_go_on.acquire();
        }
        note("end ");
        return Bytes{0x90, 0x00};
    }
    void lose_power() override {
        note("lost ");
        power_or_go_on.release();
    }
    void hurry() override { power_or_go_on.release(); }

    std::string log() {
        const std::lock_guard lock(mutex_);
        return log_;
    }
    void wait_until_running() { BOOST_REQUIRE(running.try_acquire_for(ample)); }

    std::counting_semaphore<> running{0};
    std::counting_semaphore<> power_or_go_on{0};
    std::counting_semaphore<> go_on{0};
    bool deaf = false; ///< it does not notice that its power is gone

private:
    void note(const char* what) {
        const std::lock_guard lock(mutex_);
        log_ += what;
    }
    std::mutex mutex_;
    std::string log_;
};

struct Running {
    std::future<DriverReader::Answer> answer;
    explicit Running(const DriverReader& driver)
        : answer(std::async(std::launch::async, [&driver] { return driver.transmit(command); })) {}
    RESPONSECODE code() {
        BOOST_REQUIRE((answer.wait_for(ample) == std::future_status::ready));
        return answer.get().code;
    }
};

} // namespace

BOOST_AUTO_TEST_SUITE(ifd_removal)

BOOST_AUTO_TEST_CASE(a_removal_aborts_the_command_that_runs_at_once_and_the_card_is_switched_off_after_it) {
    SlowCard card;
    card.deaf = true;
    {
        const DriverRig rig(1, [&](ReaderServer& server) { server.reader(0).insert(card); });
        const PollingThread pcscd(rig.driver());
        rig.settle();
        Running running(rig.driver());
        card.wait_until_running();
        rig.reader().remove();
        BOOST_TEST(running.code() == IFD_ICC_NOT_PRESENT);
        rig.settle();
        BOOST_TEST(pcscd.seen().back().presence == IFD_ICC_NOT_PRESENT);
        BOOST_TEST(card.log() == "on begin lost ");
        card.go_on.release();
    } // waits for the card
    BOOST_TEST(card.log() == "on begin lost end off ");
}

BOOST_AUTO_TEST_CASE(a_card_that_loses_its_power_aborts_its_command_at_once_and_stays_in_and_silent) {
    SlowCard card;
    card.deaf = true;
    {
        const DriverRig rig(1, [&](ReaderServer& server) { server.reader(0).insert(card); });
        const PollingThread pcscd(rig.driver());
        rig.settle();
        Running running(rig.driver());
        card.wait_until_running();
        rig.reader().cut_power();
        BOOST_TEST(running.code() == IFD_COMMUNICATION_ERROR);
        BOOST_TEST(rig.reader().card() == &card);
        BOOST_TEST(card.log() == "on begin lost ");
        card.go_on.release();
        BOOST_TEST(rig.driver().transmit(command).code == IFD_COMMUNICATION_ERROR);
        BOOST_TEST(rig.driver().power(IFD_RESET).code == IFD_SUCCESS);
        BOOST_TEST(card.log() == "on begin lost end on ");
    }
    BOOST_TEST(card.log() == "on begin lost end on off ");
}

BOOST_AUTO_TEST_CASE(a_card_that_lost_its_power_is_switched_off_after_its_command_where_it_was_taken_out) {
    SlowCard card;
    card.deaf = true;
    {
        const DriverRig rig(1, [&](ReaderServer& server) { server.reader(0).insert(card); });
        const PollingThread pcscd(rig.driver());
        rig.settle();
        Running running(rig.driver());
        card.wait_until_running();
        rig.reader().cut_power();
        BOOST_TEST(running.code() == IFD_COMMUNICATION_ERROR);
        rig.reader().remove();
        rig.settle();
        card.go_on.release();
    }
    BOOST_TEST(card.log() == "on begin lost lost end off ");
}

BOOST_AUTO_TEST_CASE(the_next_card_is_served_while_the_command_on_the_last_one_still_runs) {
    SlowCard slow;
    slow.deaf = true;
    testing::ScriptedCard next;
    {
        const DriverRig rig(1, [&](ReaderServer& server) { server.reader(0).insert(slow); });
        const PollingThread pcscd(rig.driver());
        rig.settle();
        Running running(rig.driver());
        slow.wait_until_running();
        rig.reader().remove();
        rig.reader().insert(next);
        BOOST_TEST(running.code() == IFD_ICC_NOT_PRESENT);
        rig.settle();
        BOOST_TEST(pcscd.seen().back().power == IFD_SUCCESS);
        BOOST_TEST(rig.driver().transmit(command).data == command);
        BOOST_TEST(slow.log() == "on begin lost ");
        slow.go_on.release();
    }
    BOOST_TEST(slow.log() == "on begin lost end off ");
    BOOST_TEST(next.log == "on off ");
}

BOOST_AUTO_TEST_CASE(the_same_card_again_is_powered_on_when_its_old_command_has_ended) {
    SlowCard card;
    card.deaf = true;
    {
        const DriverRig rig(2, [&](ReaderServer& server) { server.reader(0).insert(card); });
        const PollingThread first(rig.driver(0));
        const PollingThread second(rig.driver(1));
        rig.server->wait_until_open(ample, {});
        Running running(rig.driver(0));
        card.wait_until_running();
        rig.reader(0).remove();
        rig.reader(1).insert(card); // also in another reader
        BOOST_TEST(running.code() == IFD_ICC_NOT_PRESENT);
        BOOST_TEST(!rig.reader(1).settle(std::chrono::milliseconds(30), {}));
        BOOST_TEST(card.log() == "on begin lost ");
        card.go_on.release();
        rig.settle(1);
        BOOST_TEST(second.seen().back().power == IFD_SUCCESS);
        BOOST_TEST(card.log() == "on begin lost end off on ");
    }
}

BOOST_AUTO_TEST_CASE(a_reader_that_waits_for_a_card_is_still_told_that_it_left_again) {
    SlowCard card;
    card.deaf = true;
    const DriverRig rig(1, [&](ReaderServer& server) { server.reader(0).insert(card); });
    const PollingThread pcscd(rig.driver());
    rig.settle();
    Running running(rig.driver());
    card.wait_until_running();
    for (int i = 0; i < 3; ++i) {
        rig.reader().remove();
        rig.reader().insert(card);
    }
    rig.reader().remove();
    rig.settle();
    BOOST_TEST(pcscd.seen().size() == 8U);
    BOOST_TEST(running.code() == IFD_ICC_NOT_PRESENT);
    card.go_on.release();
}

BOOST_AUTO_TEST_CASE(a_card_that_never_had_its_turn_again_does_not_hold_up_the_next_one) {
    SlowCard slow;
    slow.deaf = true;
    testing::ScriptedCard next;
    {
        const DriverRig rig(1, [&](ReaderServer& server) { server.reader(0).insert(slow); });
        const PollingThread pcscd(rig.driver());
        rig.settle();
        Running running(rig.driver());
        slow.wait_until_running();
        rig.reader().remove();
        BOOST_TEST(running.code() == IFD_ICC_NOT_PRESENT);
        rig.settle();
        rig.reader().insert(slow);
        // Its power-up waits for the end of the old command: pcscd has not gone on to wait.
        BOOST_TEST(!rig.reader().settle(std::chrono::milliseconds(50), {}));
        rig.reader().unplug();
        rig.settle();
        rig.reader().remove();
        rig.reader().insert(next);
        rig.reader().plug();
        BOOST_TEST(rig.reader().settle(ample / 4, {}));
        auto answer = std::async(std::launch::async, [&rig] { return rig.driver().transmit(command); });
        BOOST_TEST((answer.wait_for(ample / 4) == std::future_status::ready));
        slow.go_on.release();
        BOOST_TEST(answer.get().data == command);
    }
    BOOST_TEST(slow.log() == "on begin lost lost lost end off ");
    BOOST_TEST(next.log == "on off ");
}

BOOST_AUTO_TEST_CASE(an_unplugged_reader_aborts_the_command_with_a_communication_error) {
    SlowCard card;
    {
        const DriverRig rig(1, [&](ReaderServer& server) { server.reader(0).insert(card); });
        const PollingThread pcscd(rig.driver());
        rig.settle();
        Running running(rig.driver());
        card.wait_until_running();
        rig.reader().unplug();
        BOOST_TEST(running.code() == IFD_COMMUNICATION_ERROR);
        rig.reader().plug();
        rig.settle();
        BOOST_TEST(rig.reader().card() == &card);
        BOOST_TEST(pcscd.seen().back().power == IFD_SUCCESS);
    }
    BOOST_TEST(card.log() == "on begin lost end off on off ");
}

BOOST_AUTO_TEST_CASE(a_card_that_leaves_or_throws_in_a_reader_that_was_pulled_out_is_not_in_it_again) {
    for (const bool throws : {false, true}) {
        for (const bool plugged_before : {false, true}) {
            testing::ScriptedCard card;
            std::promise<void> runs;
            std::promise<void> go_on;
            card.answer = [&](ByteView) -> Answer {
                runs.set_value();
                go_on.get_future().wait();
                if (throws) {
                    throw std::runtime_error("out of order");
                }
                return tl::make_unexpected(NoAnswer::removed);
            };
            const DriverRig rig(1, [&](ReaderServer& server) { server.reader(0).insert(card); });
            const PollingThread pcscd(rig.driver());
            rig.settle();
            Running running(rig.driver());
            runs.get_future().wait();
            rig.reader().unplug();
            BOOST_TEST(running.code() == IFD_COMMUNICATION_ERROR);
            rig.settle();
            if (plugged_before) {
                rig.reader().plug();
                // Its power-up waits for the command.
                BOOST_TEST(!rig.reader().settle(std::chrono::milliseconds(50), {}));
            }
            go_on.set_value();
            const auto deadline = std::chrono::steady_clock::now() + ample;
            while (rig.reader().card() != nullptr && std::chrono::steady_clock::now() < deadline) {
                std::this_thread::yield();
            }
            rig.reader().plug();
            rig.settle();
            BOOST_TEST(rig.reader().card() == nullptr);
            BOOST_TEST(pcscd.seen().back().presence == IFD_ICC_NOT_PRESENT);
            BOOST_TEST(static_cast<bool>(rig.reader().error()) == throws);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_card_exchanged_in_an_unplugged_reader_leaves_the_next_one_alone) {
    SlowCard slow;
    slow.deaf = true;
    testing::ScriptedCard next;
    {
        const DriverRig rig(1, [&](ReaderServer& server) { server.reader(0).insert(slow); });
        const PollingThread pcscd(rig.driver());
        rig.settle();
        Running running(rig.driver());
        slow.wait_until_running();
        rig.reader().unplug();
        rig.reader().remove();
        rig.reader().insert(next);
        rig.reader().plug();
        BOOST_TEST(running.code() == IFD_COMMUNICATION_ERROR);
        rig.settle();
        BOOST_TEST(rig.driver().transmit(command).data == command);
        slow.go_on.release();
    }
    BOOST_TEST(slow.log() == "on begin lost lost end off ");
    BOOST_TEST(next.log == "on off ");
}

BOOST_AUTO_TEST_CASE(a_card_can_take_itself_out_and_put_another_one_in) {
    testing::ScriptedCard card;
    testing::ScriptedCard other;
    std::binary_semaphore moved{0};
    {
        const DriverRig rig(1, [&](ReaderServer& server) { server.reader(0).insert(card); });
        const PollingThread pcscd(rig.driver());
        rig.settle();
        card.answer = [&](ByteView) -> Answer {
            rig.reader().remove();
            rig.reader().insert(other);
            moved.release();
            return tl::make_unexpected(NoAnswer::removed);
        };
        BOOST_TEST(rig.driver().transmit(command).code == IFD_ICC_NOT_PRESENT);
        BOOST_REQUIRE(moved.try_acquire_for(ample));
        rig.settle();
        BOOST_TEST(rig.reader().card() == &other);
        BOOST_TEST(pcscd.seen().size() == 3U);
        BOOST_TEST(rig.driver().transmit(command).data == command);
    }
    BOOST_TEST(card.log == "on off ");
    BOOST_TEST(other.log == "on off ");
}

BOOST_AUTO_TEST_CASE(a_thousand_removals_in_commands_leave_no_thread_and_no_answer_behind) {
    testing::ScriptedCard card;
    std::binary_semaphore moved{0};
    const DriverRig rig(1, [&](ReaderServer& server) { server.reader(0).insert(card); });
    const PollingThread pcscd(rig.driver());
    card.answer = [&](ByteView) -> Answer {
        rig.reader().remove();
        rig.reader().insert(card);
        moved.release();
        return Bytes{0x90, 0x00}; // too late
    };
    for (int i = 0; i < 1000; ++i) {
        rig.settle();
        BOOST_REQUIRE_EQUAL(rig.driver().transmit(command).code, IFD_ICC_NOT_PRESENT);
        BOOST_REQUIRE(moved.try_acquire_for(ample));
    }
    rig.settle();
    BOOST_TEST(pcscd.seen().size() == 2001U);
}

BOOST_AUTO_TEST_CASE(whoever_moves_cards_at_once_the_reader_ends_as_it_was_left) {
    testing::ScriptedCard card;
    {
        const DriverRig rig(1);
        const PollingThread pcscd(rig.driver());
        rig.settle();
        std::atomic<bool> enough = false;
        auto client = std::async(std::launch::async, [&] {
            std::size_t answered = 0;
            while (!enough) {
                answered += rig.driver().transmit(command).code == IFD_SUCCESS ? 1 : 0;
            }
            return answered;
        });
        const auto move = [&rig, &card](int which) {
            for (int i = 0; i < 500; ++i) {
                if ((i + which) % 4 == 0) {
                    rig.reader().insert(card);
                } else if ((i + which) % 4 == 1) {
                    rig.reader().unplug();
                } else if ((i + which) % 4 == 2) {
                    rig.reader().plug();
                } else {
                    rig.reader().remove();
                }
                if (i % 50 == 0) {
                    rig.settle();
                }
            }
        };
        auto one = std::async(std::launch::async, move, 0);
        auto other = std::async(std::launch::async, move, 2);
        one.get();
        other.get();
        rig.reader().plug();
        rig.reader().insert(card);
        rig.settle();
        enough = true;
        client.get();
        BOOST_TEST(pcscd.seen().back().presence == IFD_ICC_PRESENT);
        BOOST_TEST(rig.driver().transmit(command).data == command);
    }
    // Each power-on has its power-off; nothing came in between.
    BOOST_TEST(!card.powered);
    BOOST_TEST(card.log.find("off off") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(at_the_rigs_end_all_cards_hurry_also_those_that_come_still) {
    SlowCard in;
    SlowCard last;
    const DriverRig rig(1, [&](ReaderServer& server) { server.reader(0).insert(in); });
    const PollingThread pcscd(rig.driver());
    rig.settle();
    Running running(rig.driver());
    in.wait_until_running();
    rig.server->hurry();
    BOOST_TEST(running.code() == IFD_SUCCESS);
    rig.reader().remove();
    rig.reader().insert(last);
    rig.settle();
    Running after(rig.driver());
    BOOST_TEST(after.code() == IFD_SUCCESS);
}

BOOST_AUTO_TEST_CASE(a_slow_card_leaves_the_other_readers_alone) {
    SlowCard slow;
    testing::ScriptedCard quick;
    const DriverRig rig(2, [&](ReaderServer& server) {
        server.reader(0).insert(slow);
        server.reader(1).insert(quick);
    });
    Running running(rig.driver(0));
    slow.wait_until_running();
    BOOST_TEST(rig.driver(1).transmit(command).data == command);
    BOOST_TEST(rig.driver(1).power(IFD_RESET).code == IFD_SUCCESS);
    BOOST_TEST((running.answer.wait_for(std::chrono::seconds(0)) == std::future_status::timeout));
    slow.power_or_go_on.release();
    BOOST_TEST(running.code() == IFD_SUCCESS);
}

BOOST_AUTO_TEST_SUITE_END()
