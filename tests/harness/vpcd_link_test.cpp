#include "harness/vpcd_link.h"

#include "tests/harness/scripted_card.h"

#include <array>
#include <atomic>
#include <future>
#include <memory>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <vector>

#include <boost/test/unit_test.hpp>

namespace {

using namespace cardrig::harness;
using cardrig::harness::testing::ScriptedCard;

constexpr int limit_ms = 20'000;

/// The reader's side of a link.
struct Reader {
    explicit Reader(ScriptedCard& card, VpcdLinkEvents events = {}) {
        std::array<int, 2> ends{};
        BOOST_REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
        mine.reset(ends[0]);
        link = std::make_unique<VpcdLink>(UniqueFd(ends[1]), card, std::move(events));
    }

    void send(const Bytes& payload) const {
        const auto header = vpcd_header(payload.size());
        // In two pieces, as vpcd does.
        BOOST_REQUIRE(::send(mine.get(), header.data(), header.size(), MSG_NOSIGNAL) == 2);
        BOOST_REQUIRE(::send(mine.get(), payload.data(), payload.size(), MSG_NOSIGNAL) ==
                      static_cast<ssize_t>(payload.size()));
    }

    /// The next frame's payload; none if the link has ended.
    std::optional<Bytes> receive() {
        while (true) {
            if (auto payload = frames.next()) {
                return payload;
            }
            pollfd wait{mine.get(), POLLIN, 0};
            BOOST_REQUIRE_MESSAGE(poll(&wait, 1, limit_ms) > 0, "no answer from the link");
            std::array<std::uint8_t, 4096> buffer{};
            const ssize_t count = recv(mine.get(), buffer.data(), buffer.size(), 0);
            if (count <= 0) {
                return std::nullopt;
            }
            frames.append(ByteView(buffer).first(static_cast<std::size_t>(count)));
        }
    }

    UniqueFd mine;
    VpcdFrameReader frames;
    std::unique_ptr<VpcdLink> link;
};

} // namespace

BOOST_AUTO_TEST_SUITE(vpcd_link)

BOOST_AUTO_TEST_CASE(power_reset_atr_and_commands_reach_the_card_in_order) {
    ScriptedCard card;
    {
        Reader reader(card);
        reader.send({4});
        BOOST_TEST((reader.receive() == Bytes{0x3B, 0x00}));
        reader.send({1});
        reader.send({2});
        reader.send({4});
        BOOST_TEST((reader.receive() == Bytes{0x3B, 0x01, 0xAA}));
        reader.send({0x00, 0xA4, 0x04, 0x00});
        BOOST_TEST((reader.receive() == Bytes{0x00, 0xA4, 0x04, 0x00}));
    }
    BOOST_TEST(card.log == "on on reset off ");
}

BOOST_AUTO_TEST_CASE(the_atr_is_told_also_while_the_card_has_no_power) {
    ScriptedCard card;
    Reader reader(card);
    reader.send({0});
    reader.send({4});
    BOOST_TEST((reader.receive() == Bytes{0x3B, 0x00}));
}

BOOST_AUTO_TEST_CASE(a_card_that_leaves_instead_of_answering_is_gone_for_the_reader) {
    ScriptedCard card;
    card.answer = [](ByteView) { return tl::make_unexpected(NoAnswer::removed); };
    {
        Reader reader(card);
        reader.send({0, 0, 0, 0});
        BOOST_TEST(!reader.receive().has_value());
    }
    BOOST_TEST(card.log == "on off ");
}

BOOST_AUTO_TEST_CASE(an_empty_answer_never_goes_out_as_an_empty_frame) {
    ScriptedCard card;
    card.answer = [](ByteView) { return Bytes{}; };
    Reader reader(card);
    reader.send({0, 0, 0, 0});
    BOOST_TEST(!reader.receive().has_value());
}

BOOST_AUTO_TEST_CASE(a_mute_card_is_shown_as_gone) {
    ScriptedCard card;
    card.atr_after_reset.clear();
    Reader reader(card);
    reader.send({2});
    reader.send({4});
    BOOST_TEST(!reader.receive().has_value());
}

BOOST_AUTO_TEST_CASE(an_empty_command_is_answered_by_the_card) {
    ScriptedCard card;
    card.answer = [](ByteView command) { return command.empty() ? Bytes{0x67, 0x00} : Bytes{0x90, 0x00}; };
    Reader reader(card);
    reader.send({});
    BOOST_TEST((reader.receive() == Bytes{0x67, 0x00}));
}

BOOST_AUTO_TEST_CASE(the_longest_answer_passes_and_a_longer_one_is_an_error) {
    ScriptedCard card;
    std::size_t size = vpcd_max_payload;
    card.answer = [&size](ByteView) { return Bytes(size, 0x5A); };
    Reader reader(card);
    reader.send({0, 0, 0, 0});
    const auto longest = reader.receive();
    BOOST_REQUIRE(longest.has_value());
    BOOST_TEST(longest->size() == vpcd_max_payload);
    size = vpcd_max_payload + 1;
    reader.send({0, 0, 0, 0});
    BOOST_TEST(!reader.receive().has_value());
}

BOOST_AUTO_TEST_CASE(what_a_card_throws_is_carried_to_whoever_asks) {
    ScriptedCard card;
    card.answer = [](ByteView) -> Answer { throw std::runtime_error("the card's own words"); };
    Reader reader(card);
    BOOST_TEST(!reader.link->error());
    reader.send({0, 0, 0, 0});
    BOOST_TEST(!reader.receive().has_value());
    reader.link->wait_for_end();
    BOOST_TEST(!reader.link->connected());
    BOOST_REQUIRE(reader.link->error());
    BOOST_CHECK_EXCEPTION(
        std::rethrow_exception(reader.link->error()), std::runtime_error,
        [](const auto& error) { return std::string(error.what()) == "the card's own words"; });
}

BOOST_AUTO_TEST_CASE(a_link_that_is_finished_answers_what_runs_and_begins_nothing_new) {
    ScriptedCard card;
    std::promise<void> begun;
    std::promise<void> go_on;
    int commands = 0;
    card.answer = [&](ByteView) {
        ++commands;
        begun.set_value();
        go_on.get_future().wait();
        return Bytes{0x90, 0x00};
    };
    Reader reader(card);
    reader.send({0, 1, 2, 3});
    begun.get_future().wait();
    reader.send({4, 5, 6, 7});
    reader.link->finish();
    go_on.set_value();
    BOOST_TEST((reader.receive() == Bytes{0x90, 0x00}));
    BOOST_TEST(!reader.receive().has_value());
    reader.link->wait_for_end();
    BOOST_TEST(commands == 1);
    BOOST_TEST(!reader.link->card_left());
}

BOOST_AUTO_TEST_CASE(the_first_request_and_the_end_are_told) {
    ScriptedCard card;
    std::atomic<int> asked = 0;
    std::promise<void> ended;
    Reader reader(card, {[&] { ++asked; }, [&] { ended.set_value(); }});
    reader.send({4});
    BOOST_TEST(reader.receive().has_value());
    reader.send({4});
    BOOST_TEST(reader.receive().has_value());
    BOOST_TEST(asked.load() == 1);
    reader.mine.reset();
    ended.get_future().wait();
    BOOST_TEST(!reader.link->connected());
    BOOST_TEST(!reader.link->card_left());
}

BOOST_AUTO_TEST_CASE(a_card_that_is_mute_or_has_no_answer_has_left_by_itself) {
    for (const Bytes& request : {Bytes{4}, Bytes{0, 0, 0, 0}}) {
        ScriptedCard card;
        card.current_atr.clear();
        card.answer = [](ByteView) { return tl::make_unexpected(NoAnswer::removed); };
        Reader reader(card);
        reader.send(request);
        BOOST_TEST(!reader.receive().has_value());
        reader.link->wait_for_end();
        BOOST_TEST(reader.link->card_left());
    }
}

BOOST_AUTO_TEST_SUITE_END()
