#include "harness/serve/card_service.h"

#include "harness/errors.h"
#include "harness/serve/slot.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <poll.h>

namespace cardrig::harness {

namespace {

using Clock = Slot::Clock;
using namespace std::chrono_literals;

/// For a command that runs when a signal comes; making a key pair can take longer.
constexpr auto time_to_answer = 5s;

/// What the second slot gets where there is one card, and vpcd connects to us. vpcd 3.3 takes the whole
/// daemon down when such a connection ends, and its daemon lists no readers while one is not answered, or by
/// an empty frame: so there must be an answer. This one is no ATR, so that no client can connect to it.
class NoCard final : public ReaderCard {
public:
    void power_on() override {}
    void power_off() override {}
    void reset() override {}
    [[nodiscard]] Bytes atr() override { return {0x00}; }
    /// ISO/IEC 7816-4, table 6: no precise diagnosis.
    [[nodiscard]] Answer transmit(ByteView) override { return Bytes{0x6F, 0x00}; }
};

class Service final {
public:
    Service(const ServiceOptions& options, const SignalWatch& signals);

    [[nodiscard]] ServiceEnd run();

private:
    void add_slot(std::size_t index, ReaderCard& card);
    [[nodiscard]] bool goes_on();
    void wait(std::optional<Clock::time_point> until, bool for_slots) const;
    [[nodiscard]] std::optional<Clock::time_point> next_deadline() const;
    void finish();

    const ServiceOptions& options_;
    const SignalWatch& signals_;
    SharedWakeup wakeup_;
    NoCard no_card_;
    std::vector<std::unique_ptr<Slot>> slots_;
    ServiceEnd end_;
};

Service::Service(const ServiceOptions& options, const SignalWatch& signals)
    : options_(options), signals_(signals), wakeup_(options.wakeup) {
    if (options.cards.empty() || options.cards.size() > vpcd_slots) {
        throw RequestError(fmt::format("{} cards: vpcd has readers for one or two", options.cards.size()));
    }
    for (std::size_t i = 0; i < options.cards.size(); ++i) {
        add_slot(i, *options.cards[i]);
    }
    for (std::size_t i = options.cards.size(); options.reversed && i < vpcd_slots; ++i) {
        add_slot(i, no_card_);
    }
    if (options.reversed) {
        options.tell(fmt::format("waiting for vpcd to connect to {} and {}: start pcscd now, and end it "
                                 "before this command",
                                 options.endpoint.text(), options.endpoint.of_slot(1).port));
    }
}

void Service::add_slot(std::size_t index, ReaderCard& card) {
    SlotOptions slot;
    slot.endpoint = options_.endpoint.of_slot(index);
    slot.reversed = options_.reversed;
    const bool ours = index < options_.cards.size();
    slot.tell = [this, ours](const std::string& text) {
        if (ours) {
            options_.tell(text);
        }
    };
    slot.moved = [this, ours, index](bool in) {
        if (ours) {
            options_.moved(index, in);
        }
    };
    slot.reader = index < options_.readers.size() ? options_.readers[index] : nullptr;
    slots_.push_back(std::make_unique<Slot>(std::move(slot), card, wakeup_));
}

/// Whether there is still something to do; else end_ says why not.
bool Service::goes_on() {
    if (const auto event = signals_.take()) {
        end_.signal = event->signal;
        return false;
    }
    for (const auto& slot : slots_) {
        if (slot->card_failed()) {
            end_.card_failed = true;
            end_.error = slot->card_error();
            return false;
        }
        if (options_.once && slot->lost()) {
            end_.gone = true;
            return false;
        }
        if (options_.once && slot->failures() > 0) {
            end_.unreachable = true;
            end_.trouble = slot->trouble();
            return false;
        }
    }
    return true;
}

std::optional<Clock::time_point> Service::next_deadline() const {
    std::optional<Clock::time_point> earliest;
    for (const auto& slot : slots_) {
        const auto deadline = slot->deadline();
        if (deadline && (!earliest || *deadline < *earliest)) {
            earliest = deadline;
        }
    }
    return earliest;
}

void Service::wait(std::optional<Clock::time_point> until, bool for_slots) const {
    std::vector<pollfd> waits{{signals_.descriptor(), POLLIN, 0}, {wakeup_->descriptor(), POLLIN, 0}};
    for (const auto& slot : slots_) {
        const auto [descriptor, events] = slot->waits_for();
        waits.push_back({for_slots ? descriptor : -1, events, 0});
    }
    int limit = -1;
    if (until) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(*until - Clock::now());
        limit = static_cast<int>(std::max<std::int64_t>(0, left.count()));
    }
    poll(waits.data(), waits.size(), limit);
    wakeup_->clear();
}

ServiceEnd Service::run() {
    while (true) {
        for (const auto& slot : slots_) {
            slot->step();
        }
        if (!goes_on()) {
            break;
        }
        wait(next_deadline(), true);
    }
    finish();
    return end_;
}

void Service::finish() {
    for (const auto& slot : slots_) {
        slot->finish();
    }
    const auto until = Clock::now() + time_to_answer;
    const auto finished = [](const auto& slot) { return slot->finished(); };
    while (!std::ranges::all_of(slots_, finished) && Clock::now() < until && !signals_.take()) {
        wait(until, false);
    }
    for (ReaderCard* const card : options_.cards) {
        card->hurry();
    }
    slots_.clear();
}

} // namespace

ServiceEnd serve_cards(const ServiceOptions& options, const SignalWatch& signals) {
    return Service(options, signals).run();
}

} // namespace cardrig::harness
