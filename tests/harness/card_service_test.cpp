#include "harness/serve/card_service.h"

#include "harness/errors.h"
#include "harness/serve/sockets.h"
#include "harness/vpcd_frame.h"
#include "tests/harness/scripted_card.h"

#include <array>
#include <condition_variable>
#include <csignal>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

namespace {

using namespace cardrig::harness;
using cardrig::harness::testing::ScriptedCard;

constexpr int limit_ms = 20'000;

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
}

/// The reader's end of a connection.
class ReaderEnd {
public:
    explicit ReaderEnd(UniqueFd socket) : socket_(std::move(socket)) { BOOST_REQUIRE(socket_); }

    void send(const Bytes& payload) const {
        const auto header = vpcd_header(payload.size());
        BOOST_REQUIRE(::send(socket_.get(), header.data(), header.size(), MSG_NOSIGNAL) == 2);
        BOOST_REQUIRE(::send(socket_.get(), payload.data(), payload.size(), MSG_NOSIGNAL) ==
                      static_cast<ssize_t>(payload.size()));
    }
    /// The next frame's payload; none at the connection's end.
    std::optional<Bytes> receive() {
        while (true) {
            if (auto payload = frames_.next()) {
                return payload;
            }
            pollfd wait{socket_.get(), POLLIN, 0};
            BOOST_REQUIRE_MESSAGE(poll(&wait, 1, limit_ms) > 0, "no answer");
            std::array<std::uint8_t, 4096> buffer{};
            const ssize_t count = recv(socket_.get(), buffer.data(), buffer.size(), 0);
            if (count <= 0) {
                return std::nullopt;
            }
            frames_.append(ByteView(buffer).first(static_cast<std::size_t>(count)));
        }
    }
    std::optional<Bytes> ask_atr() {
        send({4});
        return receive();
    }

private:
    UniqueFd socket_;
    VpcdFrameReader frames_;
};

/// A vpcd's port, on any free one.
struct Port {
    Port() : socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address = loopback(0);
        socklen_t size = sizeof address;
        BOOST_REQUIRE(bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
        BOOST_REQUIRE(getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
        number = ntohs(address.sin_port);
    }
    void open() const { BOOST_REQUIRE(listen(socket.get(), 4) == 0); }
    [[nodiscard]] ReaderEnd accept() const {
        pollfd wait{socket.get(), POLLIN, 0};
        BOOST_REQUIRE_MESSAGE(poll(&wait, 1, limit_ms) > 0, "nobody connects");
        return ReaderEnd(UniqueFd(::accept(socket.get(), nullptr, nullptr)));
    }

    UniqueFd socket;
    std::uint16_t number = 0;
};

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
        ++found;
    }
    return found;
}

/// A service on a thread of its own, ended by a signal to this process at the latest.
class Running {
public:
    Running(std::vector<ReaderCard*> cards, std::uint16_t port, bool once = false, bool reversed = false)
        : Running(std::move(cards), port, once, reversed, {}, std::make_shared<const Wakeup>()) {}
    Running(std::vector<ReaderCard*> cards, std::uint16_t port, bool once, bool reversed,
            std::vector<SlotReader*> readers, SharedWakeup wakeup) {
        options.readers = std::move(readers);
        options.wakeup = std::move(wakeup);
        options.cards = std::move(cards);
        options.endpoint.port = port;
        options.once = once;
        options.reversed = reversed;
        options.tell = [this](const std::string& text) {
            const std::scoped_lock lock(mutex_);
            told_ += text + "\n";
            told_more_.notify_all();
        };
        options.moved = [](std::size_t, bool) {};
        auto end = std::make_shared<std::promise<ServiceEnd>>();
        end_ = end->get_future();
        thread_ = std::thread([this, end] {
            try {
                end->set_value(serve_cards(options, signals_));
            } catch (const std::exception&) {
                end->set_exception(std::current_exception());
            }
        });
    }
    ~Running() {
        if (thread_.joinable()) {
            signal(SIGTERM); // not SIGHUP, which nohup has the process ignore
            thread_.join();
        }
        // The last signal may have come after the service's end.
        static_cast<void>(signals_.take());
    }
    void signal(int number) const { BOOST_REQUIRE(kill(getpid(), number) == 0); }
    ServiceEnd end() {
        BOOST_REQUIRE_MESSAGE(end_.wait_for(std::chrono::milliseconds(limit_ms)) == std::future_status::ready,
                              "the service does not end");
        thread_.join();
        return end_.get();
    }
    void wait_until_told(const std::string& part, std::size_t times) {
        std::unique_lock lock(mutex_);
        BOOST_REQUIRE_MESSAGE(told_more_.wait_for(lock, std::chrono::milliseconds(limit_ms),
                                                  [&] { return count(told_, part) >= times; }),
                              "not told: " << part);
    }
    /// Once it has ended.
    [[nodiscard]] std::string told() {
        const std::scoped_lock lock(mutex_);
        return told_;
    }

    ServiceOptions options;

private:
    SignalWatch signals_;
    std::mutex mutex_;
    std::condition_variable told_more_;
    std::string told_;
    std::future<ServiceEnd> end_;
    std::thread thread_;
};

/// A card whose command does not come to its end before it is told to.
struct SlowCard {
    SlowCard() {
        card.answer = [this](ByteView) {
            begun.set_value();
            go_on.get_future().wait();
            return Bytes{0x90, 0x00};
        };
    }

    ScriptedCard card;
    std::promise<void> begun;
    std::promise<void> go_on;
};

} // namespace

BOOST_AUTO_TEST_SUITE(card_service)

BOOST_AUTO_TEST_CASE(the_card_is_put_in_again_when_its_reader_comes_back) {
    const Port port;
    port.open();
    ScriptedCard card;
    Running service({&card}, port.number);
    for (int i = 0; i < 3; ++i) {
        ReaderEnd reader = port.accept();
        BOOST_TEST((reader.ask_atr() == Bytes{0x3B, 0x00}));
    }
    ReaderEnd last = port.accept();
    BOOST_TEST((last.ask_atr() == Bytes{0x3B, 0x00}));
    service.wait_until_told("is back in the reader", 3);
    service.signal(SIGTERM);
    BOOST_TEST(service.end().signal == SIGTERM);
    BOOST_TEST(!last.receive());
    BOOST_TEST(card.log == "on off on off on off on off ");
    BOOST_TEST(count(service.told(), "is now in the reader") == 1U, service.told());
    BOOST_TEST(count(service.told(), "is back in the reader") == 3U, service.told());
    BOOST_TEST(count(service.told(), "is gone") == 3U, service.told());
}

BOOST_AUTO_TEST_CASE(a_reader_that_is_not_there_yet_is_waited_for) {
    const Port port;
    ScriptedCard card;
    std::promise<void> told;
    std::string text;
    ServiceOptions options;
    const SignalWatch signals;
    options.cards = {&card};
    options.endpoint.port = port.number;
    options.moved = [](std::size_t, bool) {};
    options.tell = [&](const std::string& what) {
        if (text.empty()) {
            told.set_value();
        }
        text += what + "\n";
    };
    auto service = std::async(std::launch::async, [&] { return serve_cards(options, signals); });
    told.get_future().wait();
    port.open();
    BOOST_TEST((port.accept().ask_atr() == Bytes{0x3B, 0x00}));
    BOOST_REQUIRE(kill(getpid(), SIGTERM) == 0);
    BOOST_TEST(service.get().signal == SIGTERM);
    BOOST_TEST(count(text, "no vpcd answers") == 1U, text);
}

BOOST_AUTO_TEST_CASE(a_connection_that_nobody_asks_on_is_not_told_as_a_reader) {
    const Port port;
    port.open();
    ScriptedCard card;
    Running service({&card}, port.number);
    static_cast<void>(port.accept());
    static_cast<void>(port.accept());
    service.signal(SIGINT);
    BOOST_TEST(service.end().signal == SIGINT);
    BOOST_TEST(service.told() == "");
}

BOOST_AUTO_TEST_CASE(once_means_that_a_reader_that_is_not_there_is_not_waited_for) {
    const Port port;
    ScriptedCard card;
    Running service({&card}, port.number, true);
    const ServiceEnd end = service.end();
    BOOST_TEST(end.unreachable);
    BOOST_TEST(end.trouble == std::string("Connection refused"));
}

BOOST_AUTO_TEST_CASE(once_means_that_a_reader_that_is_gone_is_the_end) {
    const Port port;
    port.open();
    ScriptedCard card;
    Running service({&card}, port.number, true);
    BOOST_TEST(port.accept().ask_atr().has_value());
    const ServiceEnd end = service.end();
    BOOST_TEST(end.gone);
    BOOST_TEST(!end.unreachable);
}

BOOST_AUTO_TEST_CASE(a_card_that_throws_is_out_of_its_reader_and_ends_the_service) {
    const Port port;
    port.open();
    ScriptedCard card;
    card.answer = [](ByteView) -> Answer { throw std::runtime_error("the card's own words"); };
    Running service({&card}, port.number);
    ReaderEnd reader = port.accept();
    reader.send({0, 0, 0, 0});
    BOOST_TEST(!reader.receive());
    const ServiceEnd end = service.end();
    BOOST_TEST(end.card_failed);
    BOOST_CHECK_EXCEPTION(std::rethrow_exception(end.error), std::runtime_error, [](const auto& error) {
        return std::string(error.what()) == "the card's own words";
    });
}

BOOST_AUTO_TEST_CASE(a_card_without_an_answer_is_out_of_its_reader_and_ends_the_service) {
    for (const Bytes& request : {Bytes{0, 0, 0, 0}, Bytes{4}}) {
        const Port port;
        port.open();
        ScriptedCard card;
        card.current_atr.clear();
        card.answer = [](ByteView) { return tl::make_unexpected(NoAnswer::removed); };
        Running service({&card}, port.number);
        ReaderEnd reader = port.accept();
        reader.send(request);
        BOOST_TEST(!reader.receive());
        const ServiceEnd end = service.end();
        BOOST_TEST(end.card_failed);
        BOOST_TEST(!end.error);
    }
}

BOOST_AUTO_TEST_CASE(a_command_that_runs_when_a_signal_comes_is_answered) {
    const Port port;
    port.open();
    SlowCard slow;
    Running service({&slow.card}, port.number);
    ReaderEnd reader = port.accept();
    reader.send({0, 0, 0, 0});
    slow.begun.get_future().wait();
    service.signal(SIGTERM);
    slow.go_on.set_value();
    BOOST_TEST((reader.receive() == Bytes{0x90, 0x00}));
    BOOST_TEST(!reader.receive());
    BOOST_TEST(service.end().signal == SIGTERM);
}

BOOST_AUTO_TEST_CASE(a_second_signal_does_not_wait_for_the_command) {
    const Port port;
    port.open();
    SlowCard slow;
    Running service({&slow.card}, port.number);
    ReaderEnd reader = port.accept();
    reader.send({0, 0, 0, 0});
    slow.begun.get_future().wait();
    service.signal(SIGTERM);
    service.signal(SIGINT);
    BOOST_TEST(!reader.receive()); // while the command still runs
    slow.go_on.set_value();
    BOOST_TEST(service.end().signal != 0);
}

BOOST_AUTO_TEST_CASE(two_cards_are_in_two_readers) {
    Port first;
    Port second;
    for (int tries = 0; second.number != first.number + 1; ++tries) {
        BOOST_REQUIRE_MESSAGE(tries < 100, "no two adjacent free ports");
        first = Port();
        second.socket.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const sockaddr_in address = loopback(static_cast<std::uint16_t>(first.number + 1));
        if (bind(second.socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
            second.number = static_cast<std::uint16_t>(first.number + 1);
        }
    }
    first.open();
    second.open();
    ScriptedCard one;
    ScriptedCard two;
    two.current_atr = {0x3B, 0x01, 0x55};
    Running service({&one, &two}, first.number);
    BOOST_TEST((second.accept().ask_atr() == Bytes{0x3B, 0x01, 0x55}));
    BOOST_TEST((first.accept().ask_atr() == Bytes{0x3B, 0x00}));
}

BOOST_AUTO_TEST_CASE(more_cards_than_readers_are_refused) {
    std::array<ScriptedCard, 3> cards;
    Running none({}, 35963);
    BOOST_CHECK_THROW(none.end(), RequestError);
    Running three({&cards[0], &cards[1], &cards[2]}, 35963);
    BOOST_CHECK_THROW(three.end(), RequestError);
}

namespace {

/// As a reversed vpcd does, once the service listens, which it tells.
ReaderEnd connect_to(Running& service, std::uint16_t port) {
    service.wait_until_told("waiting for vpcd to connect", 1);
    const sockaddr_in address = loopback(port);
    UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    BOOST_REQUIRE(connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    return ReaderEnd(std::move(socket));
}

/// The first of two free ports.
std::uint16_t free_pair() {
    for (int tries = 0; tries < 100; ++tries) {
        const Port first;
        const UniqueFd second(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const sockaddr_in address = loopback(static_cast<std::uint16_t>(first.number + 1));
        if (bind(second.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
            return first.number;
        }
    }
    BOOST_FAIL("no two adjacent free ports");
    return 0;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_reversed_reader_without_a_card_gets_answers_that_no_client_can_use) {
    const std::uint16_t port = free_pair();
    ScriptedCard card;
    Running service({&card}, port, false, true);
    ReaderEnd second = connect_to(service, static_cast<std::uint16_t>(port + 1));
    // ISO/IEC 7816-3, 8.1: an answer to reset begins with 3B or 3F.
    BOOST_TEST((second.ask_atr() == Bytes{0x00}));
    second.send({0, 0xA4, 4, 0});
    BOOST_TEST((second.receive() == Bytes{0x6F, 0x00}));
    ReaderEnd first = connect_to(service, port);
    BOOST_TEST((first.ask_atr() == Bytes{0x3B, 0x00}));
    BOOST_TEST((second.ask_atr() == Bytes{0x00}));
}

BOOST_AUTO_TEST_CASE(a_new_reversed_connection_takes_the_place_of_an_older_one) {
    const std::uint16_t port = free_pair();
    ScriptedCard card;
    Running service({&card}, port, false, true);
    ReaderEnd older = connect_to(service, port); // and says nothing
    ReaderEnd newer = connect_to(service, port);
    BOOST_TEST((newer.ask_atr() == Bytes{0x3B, 0x00}));
    BOOST_TEST(!older.receive());
}

BOOST_AUTO_TEST_CASE(a_port_that_is_taken_is_told) {
    const Port port;
    port.open();
    ScriptedCard card;
    Running service({&card}, port.number, false, true);
    BOOST_CHECK_EXCEPTION(service.end(), HostError, [&](const HostError& error) {
        return std::string(error.what()).find(fmt::format("127.0.0.1:{}", port.number)) != std::string::npos;
    });
}

// --- cards that somebody else moves
// ------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_card_that_is_taken_out_stays_out_until_one_is_put_in) {
    const Port port;
    port.open();
    ScriptedCard card;
    ScriptedCard other;
    other.current_atr = {0x3B, 0x01, 0xBB};
    const auto wakeup = std::make_shared<const Wakeup>();
    SlotReader slot(card, wakeup);
    const Running service({&card}, port.number, false, false, {&slot}, wakeup);
    ReaderEnd reader = port.accept();
    BOOST_TEST((reader.ask_atr() == Bytes{0x3B, 0x00}));
    slot.remove();
    BOOST_TEST(slot.settle(std::chrono::milliseconds(limit_ms), {}));
    BOOST_TEST(!reader.receive());
    BOOST_TEST(card.log == "on off ");
    pollfd nobody{port.socket.get(), POLLIN, 0};
    BOOST_TEST(poll(&nobody, 1, 20) == 0);
    slot.insert(other);
    ReaderEnd again = port.accept();
    BOOST_TEST((again.ask_atr() == other.current_atr));
    slot.unplug();
    BOOST_TEST(!again.receive());
    slot.plug();
    BOOST_TEST((port.accept().ask_atr() == other.current_atr));
}

BOOST_AUTO_TEST_CASE(a_card_without_an_answer_is_out_until_it_is_put_in_and_the_service_goes_on) {
    const Port port;
    port.open();
    ScriptedCard card;
    card.answer = [](ByteView) -> Answer { return tl::make_unexpected(NoAnswer::no_power); };
    const auto wakeup = std::make_shared<const Wakeup>();
    SlotReader slot(card, wakeup);
    Running service({&card}, port.number, false, false, {&slot}, wakeup);
    ReaderEnd reader = port.accept();
    reader.send({0x00, 0xA4, 0x04, 0x00});
    BOOST_TEST(!reader.receive());
    service.wait_until_told("the card has no answer", 1);
    BOOST_TEST(slot.card() == nullptr);
    slot.insert(card);
    BOOST_TEST((port.accept().ask_atr() == Bytes{0x3B, 0x00}));
    service.signal(SIGTERM);
    BOOST_TEST(!service.end().card_failed);
}

BOOST_AUTO_TEST_CASE(a_card_that_has_just_been_put_in_again_is_not_the_one_that_left) {
    ScriptedCard card;
    SlotReader slot(card, std::make_shared<const Wakeup>());
    slot.remove();
    slot.insert(card);
    BOOST_TEST(!slot.left());
    BOOST_TEST(slot.card() == &card);
    BOOST_TEST((slot.next() == std::optional<ReaderCard*>(nullptr)));
    BOOST_TEST((slot.next() == std::optional<ReaderCard*>(&card)));
    BOOST_TEST(slot.left());
    BOOST_TEST(slot.card() == nullptr);
}

BOOST_AUTO_TEST_SUITE_END()
