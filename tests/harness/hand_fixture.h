// A hand over two readers without a daemon, and three cards.
#pragma once

#include "harness/hand/hand.h"
#include "tests/harness/test_card.h"

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>

namespace cardrig::test {

using namespace cardrig::harness;
using namespace std::chrono_literals;

inline constexpr auto limit = 20s;
inline constexpr const char* select_piv = "00A4040009A0000003080000100000";

/// A reader without a daemon: what is done to it, in order.
class ReaderDouble final : public Reader {
public:
    void insert(ReaderCard& card) override {
        const std::scoped_lock lock(mutex_);
        log_ += "insert ";
        card_ = &card; // what powers it on is not this thread's to wait for
    }
    void remove() override {
        const std::scoped_lock lock(mutex_);
        log_ += "remove ";
        if (card_ != nullptr) {
            card_->lose_power();
        }
        card_ = nullptr;
    }
    void unplug() override {
        const std::scoped_lock lock(mutex_);
        log_ += "unplug ";
        plugged_ = false;
    }
    void plug() override {
        const std::scoped_lock lock(mutex_);
        log_ += "plug ";
        plugged_ = true;
    }
    [[nodiscard]] ReaderCard* card() const override {
        const std::scoped_lock lock(mutex_);
        return card_;
    }
    [[nodiscard]] bool plugged() const override {
        const std::scoped_lock lock(mutex_);
        return plugged_;
    }
    [[nodiscard]] bool settle(std::chrono::milliseconds, const std::function<void()>& keep_waiting) override {
        keep_waiting();
        const std::scoped_lock lock(mutex_);
        log_ += "settle ";
        return settles;
    }
    [[nodiscard]] std::exception_ptr error() const override { return failure; }

    [[nodiscard]] std::string log() const {
        const std::scoped_lock lock(mutex_);
        return log_;
    }

    std::atomic<bool> settles = true;
    std::exception_ptr failure;

private:
    mutable std::mutex mutex_;
    std::string log_;
    ReaderCard* card_ = nullptr;
    bool plugged_ = true;
};

/// Two readers, three cards; the first card is in the first reader.
struct HandFixture {
    explicit HandFixture(ReaderKind kind = ReaderKind::rig) {
        readers[0].insert(cards[0]);
        power(1);
        HandOptions options;
        options.kind = kind;
        options.readers = {{"First", &readers[0]}, {"Second", &readers[1]}};
        options.cards = {{"1", &cards[0]}, {"2", &cards[1]}, {"agent", &cards[2]}};
        options.kill_client = [this] { ++killed; };
        hand = std::make_unique<Hand>(std::move(options), trace);
    }

    std::string act(const char* effect) const {
        return hand->act(Effect::parse(effect).value(), limit).notice;
    }
    std::uint64_t plan(const char* effect, const char* place) const {
        return hand->plan({Place::parse(place).value(), Effect::parse(effect).value()});
    }
    /// Why it is refused.
    [[nodiscard]] std::string refusal(const char* effect) const {
        try {
            act(effect);
        } catch (const RequestError& error) {
            return error.what();
        }
        return "not refused";
    }
    [[nodiscard]] std::string told() const {
        std::string text;
        for (const TraceEvent& event : trace.events()) {
            if (event.kind == "reader") {
                text += event.fields.at("event").get<std::string>() + std::to_string(event.reader) + " ";
            }
        }
        return text;
    }
    [[nodiscard]] std::string notes() const {
        std::string text;
        for (const TraceEvent& event : trace.events()) {
            text += event.kind == "note" ? event.fields.at("text").get<std::string>() : "";
        }
        return text;
    }
    [[nodiscard]] bool in(int reader, int card) const {
        return readers[static_cast<std::size_t>(reader) - 1].card() ==
               &cards[static_cast<std::size_t>(card) - 1];
    }
    [[nodiscard]] bool empty(int reader) const {
        return readers[static_cast<std::size_t>(reader) - 1].card() == nullptr;
    }
    void power(int card) { cards[static_cast<std::size_t>(card) - 1].power_on(); }
    Answer send(const char* command, int card = 1) {
        return cards[static_cast<std::size_t>(card) - 1].transmit(hex(command));
    }
    std::string status(const char* command, int card = 1) {
        const auto answer = send(command, card);
        return answer && answer->size() >= 2 ? apdu::to_hex(apdu::ByteView(*answer).last(2)) : "none";
    }

    Trace trace;
    std::array<RiggedCard, 3> cards{RiggedCard{0, cardrig::test::staff_card().image, 1, trace, "1"},
                                    RiggedCard{-1, cardrig::test::staff_card().image, 2, trace, "2"},
                                    RiggedCard{-1, cardrig::test::staff_card().image, 3, trace, "agent"}};
    std::array<ReaderDouble, 2> readers;
    std::atomic<int> killed = 0;
    std::unique_ptr<Hand> hand;
};

} // namespace cardrig::test
