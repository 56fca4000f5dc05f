// What the hand does at places of a client's output.
#include "harness/hand/hand.h"

#include "tests/harness/test_card.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace cardrig::harness;
using namespace std::chrono_literals;

namespace {

/// Where a card is, and nothing else.
class PlainReader final : public Reader {
public:
    void insert(ReaderCard& card) override { card_ = &card; }
    void remove() override { card_ = nullptr; }
    void unplug() override {}
    void plug() override {}
    [[nodiscard]] ReaderCard* card() const override { return card_; }
    [[nodiscard]] bool plugged() const override { return true; }
    [[nodiscard]] bool settle(std::chrono::milliseconds, const std::function<void()>&) override {
        throw std::logic_error("nobody waits here");
    }
    [[nodiscard]] std::exception_ptr error() const override { return {}; }

private:
    std::atomic<ReaderCard*> card_ = nullptr;
};

struct Fixture {
    Trace trace;
    RiggedCard card{0, cardrig::test::staff_card().image, std::nullopt, trace};
    PlainReader reader;
    std::unique_ptr<Hand> hand;
    int killed = 0;
    std::function<void()> while_killing;
    bool gone = false; ///< whoever sends commands

    explicit Fixture(bool hears = true) {
        reader.insert(card);
        card.power_on();
        HandOptions options;
        options.readers = {{"First", &reader}};
        options.cards = {{"1", &card}};
        options.hears_client = hears;
        options.kill_client = [this] {
            ++killed;
            if (while_killing) {
                while_killing();
            }
        };
        options.on_command = [this] { return !gone; };
        hand = std::make_unique<Hand>(std::move(options), trace);
    }
    std::uint64_t plan(const char* effect, const char* place) const {
        return hand->plan({Place::parse(place).value(), Effect::parse(effect).value()});
    }
    [[nodiscard]] bool happened(std::uint64_t fault) const { return hand->wait(fault, 0ms); }
};

struct DeafFixture : Fixture {
    DeafFixture() : Fixture(false) {}
};

} // namespace

BOOST_AUTO_TEST_SUITE(hand_output)

BOOST_FIXTURE_TEST_CASE(places_that_are_not_the_hands_are_refused, DeafFixture) {
    for (const char* place : {"output \"Writing\"", "authority certificate 9A after"}) {
        BOOST_CHECK_THROW(plan("remove", place), RequestError);
    }
}

BOOST_FIXTURE_TEST_CASE(a_move_is_done_when_the_line_is_heard, Fixture) {
    const auto removed = plan("remove", "output \"Writing\"");
    hand->hear("9A Writ");
    BOOST_TEST(reader.card() == &card);
    hand->hear("ing\n");
    BOOST_TEST(reader.card() == nullptr);
    BOOST_TEST(happened(removed));
}

BOOST_FIXTURE_TEST_CASE(what_cannot_be_done_is_told, Fixture) {
    const auto first = plan("remove", "output \"Writing\"");
    const auto again = plan("remove", "output \"Done\"");
    hand->hear("Writing\nDone\n");
    BOOST_TEST(happened(first));
    BOOST_TEST(hand->failure(again).value_or("").find("no card is in reader 1") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(the_card_does_what_is_its_own_before_its_next_command, Fixture) {
    const auto reset = plan("reset", "output \"Pending\"");
    hand->hear("9A Pending\n");
    BOOST_TEST(!happened(reset));
    static_cast<void>(card.transmit(cardrig::test::hex("00200080")));
    BOOST_TEST(happened(reset));
}

BOOST_FIXTURE_TEST_CASE(what_the_card_did_not_come_to_is_forgotten_with_its_own_place, Fixture) {
    plan("fill-memory leaving 100 bytes", "output \"Pending\"");
    plan("kill-client", "output \"Done\"");
    hand->hear("9A Pending\n");
    const std::vector<Fault> left = hand->forget();
    BOOST_TEST_REQUIRE(left.size() == 2U);
    BOOST_TEST(left[0].place.text() == "output \"Pending\"");
    hand->hear("Done\n");
    BOOST_TEST(killed == 0);
}

BOOST_FIXTURE_TEST_CASE(power_is_cut_and_the_client_killed, Fixture) {
    plan("cut-power", "output \"one\"");
    plan("kill-client", "output \"two\"");
    hand->hear("one\n");
    BOOST_TEST(!card.powered());
    hand->hear("two\n");
    BOOST_TEST(killed == 1);
}

BOOST_FIXTURE_TEST_CASE(what_a_killed_client_had_sent_reaches_no_card, Fixture) {
    plan("kill-client", "output \"one\"");
    hand->hear("one\n");
    BOOST_TEST((card.transmit(cardrig::test::hex("0020008008313233343536FFFF")).value() ==
                cardrig::test::hex("6F00")));
    card.set_forsaken(false);
    BOOST_TEST((card.transmit(cardrig::test::hex("00200080")).value() == cardrig::test::hex("63C3")));
}

/// Whoever runs the client comes with what it has printed last, before it can be told that the client is
/// dead.
BOOST_FIXTURE_TEST_CASE(the_client_is_heard_while_it_is_killed, Fixture) {
    while_killing = [this] {
        auto heard = std::async(std::launch::async, [this] { hand->hear("last words\n"); });
        BOOST_TEST((heard.wait_for(10s) == std::future_status::ready));
    };
    const auto first = plan("kill-client", "output \"one\"");
    const auto second = plan("kill-client", "verify before");
    hand->hear("one\n");
    card.set_forsaken(false);
    static_cast<void>(card.transmit(cardrig::test::hex("00200080")));
    BOOST_TEST(killed == 2);
    BOOST_TEST(happened(first));
    BOOST_TEST(happened(second));
}

BOOST_FIXTURE_TEST_CASE(what_comes_from_somebody_who_is_gone_is_not_even_traced, Fixture) {
    const auto fault = plan("remove", "any before");
    const std::size_t events = trace.events().size();
    gone = true;
    BOOST_TEST((card.transmit(cardrig::test::hex("00200080")).value() == cardrig::test::hex("6F00")));
    BOOST_TEST(trace.events().size() == events);
    BOOST_TEST(!happened(fault));
}

BOOST_AUTO_TEST_SUITE_END()
