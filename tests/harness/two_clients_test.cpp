// Two PC/SC clients at the same readers, on both kinds: what they may do to each other, and what they may
// not.
#include "harness/rig.h"
#include "harness/rigged_card.h"
#include "tests/harness/gated_card.h"
#include "tests/harness/pcsc.h"
#include "tests/harness/reader_kinds.h"
#include "tests/harness/test_card.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <future>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace cardrig::test;
using cardrig::harness::ReaderKind;
using cardrig::harness::Rig;
namespace harness = cardrig::harness;

namespace {

constexpr std::chrono::seconds limit{20};
struct Client {
    PcscContext context;
    PcscCard card;

    std::string connect(const Rig& rig, std::size_t reader = 0, DWORD share = SCARD_SHARE_SHARED) {
        return result_name(card.connect(context, rig.reader_name(reader), share));
    }
};

/// A rig with a card in its reader, and two clients that are connected to nothing yet.
struct Pair {
    explicit Pair(ReaderKind kind) : rig({{"", &in_reader}}, of_kind(kind)) {}

    void connect_both() {
        BOOST_TEST_REQUIRE(first.connect(rig) == "ok");
        BOOST_TEST_REQUIRE(second.connect(rig) == "ok");
    }

    GatedCard in_reader;
    Rig rig;
    Client first;
    Client second;
};

/// "off on", for one
std::string power_events(GatedCard& card) {
    std::string events;
    for (const std::string& each : card.log()) {
        if (each == "on" || each == "off" || each == "reset") {
            events += events.empty() ? "" : " ";
            events += each;
        }
    }
    return events;
}

using Words = std::vector<std::string>;

} // namespace

BOOST_AUTO_TEST_SUITE(two_clients)

BOOST_AUTO_TEST_CASE_TEMPLATE(an_exclusive_connection_keeps_others_out, On, BothKinds) {
    Pair pair(On::kind);
    BOOST_TEST(pair.first.connect(pair.rig, 0, SCARD_SHARE_EXCLUSIVE) == "ok");
    BOOST_TEST(pair.second.connect(pair.rig) == "E_SHARING_VIOLATION");
    BOOST_TEST(pair.second.connect(pair.rig, 0, SCARD_SHARE_EXCLUSIVE) == "E_SHARING_VIOLATION");
    pair.first.card.disconnect();
    BOOST_TEST(pair.second.connect(pair.rig) == "ok");
    BOOST_TEST(pair.first.connect(pair.rig, 0, SCARD_SHARE_EXCLUSIVE) == "E_SHARING_VIOLATION");
    BOOST_TEST(pair.first.connect(pair.rig) == "ok");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_transaction_makes_the_other_wait, On, BothKinds) {
    Pair pair(On::kind);
    pair.connect_both();
    BOOST_TEST(pair.first.card.begin() == SCARD_S_SUCCESS);
    auto other = std::async(std::launch::async, [&pair] {
        const LONG begun = pair.second.card.begin();
        const std::string status = pair.second.card.transmit(guarded_command).status();
        pair.second.card.end();
        return result_name(begun) + " " + status;
    });
    for (int i = 0; i < 50; ++i) {
        BOOST_TEST(pair.first.card.transmit(plain_command).status() == "9000");
    }
    BOOST_TEST(pair.first.card.end() == SCARD_S_SUCCESS);
    BOOST_TEST(other.get() == "ok 6982");
    const Words log = pair.in_reader.log();
    BOOST_TEST(log.back() == "00220000"); // the other's, after all of the transaction's
}

BOOST_AUTO_TEST_CASE_TEMPLATE(nothing_of_the_other_comes_into_a_transaction, On, BothKinds) {
    Pair pair(On::kind);
    pair.connect_both();
    Client third;
    BOOST_TEST(third.connect(pair.rig) == "ok");
    BOOST_TEST(pair.first.card.begin() == SCARD_S_SUCCESS);
    pair.in_reader.forget_log();
    // libpcsclite lets all of them wait, also one that would only connect.
    auto connection = std::async(std::launch::async, [&pair] {
        Client fourth;
        return fourth.connect(pair.rig);
    });
    auto command = std::async(std::launch::async,
                              [&pair] { return pair.second.card.transmit(guarded_command).status(); });
    auto reset = std::async(std::launch::async,
                            [&third] { return result_name(third.card.reconnect(SCARD_RESET_CARD)); });
    for (int i = 0; i < 50; ++i) {
        BOOST_TEST(pair.first.card.transmit(plain_command).status() == "9000");
    }
    const Words within = pair.in_reader.log();
    BOOST_TEST(within == Words(50, "00A40000"), boost::test_tools::per_element());
    BOOST_TEST(pair.first.card.end() == SCARD_S_SUCCESS);
    const std::string answer = command.get();
    BOOST_TEST((answer == "6982" || answer == "W_RESET_CARD"), answer); // whichever came first
    BOOST_TEST(reset.get() == "ok");
    BOOST_TEST(connection.get() == "ok");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_reset_by_one_is_told_to_the_other_and_the_passcode_is_no_more_verified, On,
                              BothKinds) {
    const cardrig::apdu::Bytes select = hex("00A4040009A0000003080000100000");
    const cardrig::apdu::Bytes verify = hex("0020008008313233343536FFFF");
    const cardrig::apdu::Bytes is_verified = hex("00200080");
    harness::Trace trace;
    harness::RiggedCard card(0, staff_card().image, std::nullopt, trace);
    Rig rig({{"", &card}}, of_kind(On::kind));
    Client first;
    Client second;
    BOOST_TEST_REQUIRE(first.connect(rig) == "ok");
    BOOST_TEST_REQUIRE(second.connect(rig) == "ok");
    for (const auto& command : {select, verify, is_verified}) {
        BOOST_TEST(first.card.transmit(command).status() == "9000");
    }
    BOOST_TEST(second.card.transmit(is_verified).status() == "9000"); // one card, one state
    BOOST_TEST(result_name(second.card.reconnect(SCARD_RESET_CARD)) == "ok");
    BOOST_TEST(first.card.transmit(is_verified).status() == "W_RESET_CARD");
    BOOST_TEST(result_name(first.card.status()) == "W_RESET_CARD");
    BOOST_TEST(result_name(first.card.reconnect(SCARD_LEAVE_CARD)) == "ok");
    BOOST_TEST(first.card.transmit(select).status() == "9000");
    BOOST_TEST(first.card.transmit(is_verified).status() == "63C3");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(warm_and_cold_resets_reach_the_card_as_such, On, BothKinds) {
    Pair pair(On::kind);
    pair.connect_both();
    PcscCard& client = pair.first.card;
    const auto after = [&](const std::function<LONG()>& call) {
        pair.in_reader.forget_log();
        BOOST_TEST(result_name(call()) == "ok");
        return power_events(pair.in_reader);
    };
    BOOST_TEST(after([&] { return client.reconnect(SCARD_LEAVE_CARD); }) == "");
    BOOST_TEST(after([&] { return client.reconnect(SCARD_RESET_CARD); }) == "reset");
    BOOST_TEST(after([&] { return client.reconnect(SCARD_UNPOWER_CARD); }) == "off on");
    BOOST_TEST(client.begin() == SCARD_S_SUCCESS);
    BOOST_TEST(after([&] { return client.end(SCARD_LEAVE_CARD); }) == "");
    BOOST_TEST(client.begin() == SCARD_S_SUCCESS);
    BOOST_TEST(after([&] { return client.end(SCARD_RESET_CARD); }) == "reset");
    BOOST_TEST(after([&] { return client.disconnect(SCARD_RESET_CARD); }) == "reset");
    BOOST_TEST(pair.first.connect(pair.rig) == "ok");
    // The power comes back with the next connection.
    BOOST_TEST(after([&] {
                   client.disconnect(SCARD_UNPOWER_CARD);
                   return client.connect(pair.first.context, pair.rig.reader_name(0));
               }) == "off on");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_long_command_leaves_the_other_reader_alone, On, BothKinds) {
    std::array<GatedCard, 2> cards;
    Rig rig({{"", &cards[0]}, {"", &cards[1]}}, of_kind(On::kind));
    Client first;
    Client second;
    BOOST_TEST_REQUIRE(first.connect(rig, 0) == "ok");
    BOOST_TEST_REQUIRE(second.connect(rig, 1) == "ok");
    auto running = std::async(std::launch::async, [&] { return first.card.transmit(held_command).status(); });
    BOOST_TEST_REQUIRE(cards[0].wait_until_holding(limit));
    auto others = std::async(std::launch::async, [&] {
        return Words{second.card.transmit(plain_command).status(),
                     result_name(second.card.reconnect(SCARD_RESET_CARD)),
                     result_name(second.card.reconnect(SCARD_UNPOWER_CARD)),
                     second.card.transmit(plain_command).status()};
    });
    const bool alone = others.wait_for(limit) == std::future_status::ready;
    BOOST_TEST(alone);
    rig.remove(1);
    BOOST_TEST((second.context.state_of(rig.reader_name(1)) & SCARD_STATE_EMPTY) != 0U);
    cards[0].let_go();
    BOOST_TEST(running.get() == "9000");
    BOOST_TEST(others.get() == (Words{"9000", "ok", "ok", "9000"}));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(clients_that_wait_see_each_insertion_and_removal, On, BothKinds) {
    GatedCard card;
    Rig rig({{"", &card}}, of_kind(On::kind));
    std::array<EventWatch, 2> watches{EventWatch(rig.reader_name(0)), EventWatch(rig.reader_name(0))};
    BOOST_TEST(watches[0].first().present());
    const std::size_t moves = 6;
    for (std::size_t i = 1; i <= moves; ++i) {
        i % 2 != 0 ? rig.reader(0).remove() : rig.reader(0).insert(card);
        for (EventWatch& watch : watches) {
            BOOST_TEST_REQUIRE(watch.wait_for(i, limit));
        }
    }
    for (EventWatch& watch : watches) {
        const std::vector<EventWatch::Event> events = watch.finish();
        BOOST_TEST_REQUIRE(events.size() == moves);
        for (std::size_t i = 0; i < moves; ++i) {
            BOOST_TEST(events[i].present() == (i % 2 != 0));
            BOOST_TEST(events[i].count() == watch.first().count() + i + 1);
        }
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_client_that_is_killed_in_a_transaction_leaves_the_reader_usable, On,
                              BothKinds) {
    Pair pair(On::kind);
    BOOST_TEST_REQUIRE(pair.first.connect(pair.rig) == "ok");
    harness::ClientCommand command;
    command.argv = {"/usr/bin/python3", "-c", R"(
import ctypes, os, sys
pcsc = ctypes.CDLL("libpcsclite.so.1")
context, card, protocol = ctypes.c_long(), ctypes.c_long(), ctypes.c_ulong()
assert pcsc.SCardEstablishContext(2, None, None, ctypes.byref(context)) == 0
reader = os.environ["CARDRIG_READER"].encode()
assert pcsc.SCardConnect(context, reader, 2, 3, ctypes.byref(card), ctypes.byref(protocol)) == 0
assert pcsc.SCardBeginTransaction(card) == 0
print("in a transaction", flush=True)
sys.stdin.read()
os.read(os.pipe()[0], 1)
)"};
    std::string said;
    command.on_output = [&](std::string_view chunk) {
        said += chunk;
        if (said.find("in a transaction\n") != std::string::npos) {
            pair.rig.kill_client();
        }
    };
    command.limit = limit;
    const harness::ClientResult result = pair.rig.run(command);
    BOOST_TEST(result.signal == SIGKILL, said);
    // pcscd ends the transaction, and resets the card, on which nobody knows what was done.
    BOOST_TEST(result_name(pair.first.card.begin()) == "W_RESET_CARD");
    BOOST_TEST(result_name(pair.first.card.reconnect(SCARD_LEAVE_CARD)) == "ok");
    BOOST_TEST(result_name(pair.first.card.begin()) == "ok");
    BOOST_TEST(pair.first.card.transmit(plain_command).status() == "9000");
    BOOST_TEST(result_name(pair.first.card.end()) == "ok");
}

BOOST_AUTO_TEST_SUITE_END()
