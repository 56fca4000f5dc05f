// One card and the reader that it is for, which comes and goes.
#pragma once

#include "harness/reader_card.h"
#include "harness/serve/endpoint.h"
#include "harness/serve/slot_reader.h"
#include "harness/serve/sockets.h"
#include "harness/serve/wakeup.h"
#include "harness/vpcd_link.h"

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace cardrig::harness {

struct SlotOptions {
    Endpoint endpoint;
    bool reversed = false; ///< vpcd connects to the endpoint, which is ours
    std::function<void(const std::string&)> tell;
    std::function<void(bool in)> moved; ///< told before the card is powered on, and after it is off
    /// By which somebody else takes the card out and puts it, or another one, in; may be none, and is none in
    /// reversed mode. It outlives the slot.
    SlotReader* reader = nullptr;
};

/// Connects a card to its reader, again and again. Nothing in it waits: step() is called when something that
/// it waits for may have come.
class Slot final {
public:
    using Clock = std::chrono::steady_clock;

    /// The card outlives it. In reversed mode it listens at once (HostError, RequestError).
    Slot(SlotOptions options, ReaderCard& card, SharedWakeup wakeup);
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;
    ~Slot();

    void step();
    /// To be polled besides the wakeup: a descriptor (or -1), and the events for it.
    [[nodiscard]] std::pair<int, short> waits_for() const;
    /// When step() is to be called at the latest, if nothing happens.
    [[nodiscard]] std::optional<Clock::time_point> deadline() const;

    /// How often it tried to connect in vain, since the reader was last there.
    [[nodiscard]] unsigned failures() const { return failures_; }
    /// Whether the card was in the reader, and is not any more.
    [[nodiscard]] bool lost() const { return lost_; }
    [[nodiscard]] const std::string& trouble() const { return trouble_; }
    /// Whether the card failed to answer; what it threw, if it threw something.
    [[nodiscard]] bool card_failed() const { return card_failed_; }
    [[nodiscard]] std::exception_ptr card_error() const { return card_error_; }

    /// Takes the card out once a command that runs is answered; returns at once.
    void finish();
    [[nodiscard]] bool finished() const { return !link_ || !link_->connected(); }

private:
    void dial();
    void not_reached();
    void accept();
    void put_in(UniqueFd connection);
    void take_out(bool wished = false);
    void look_at_link();
    void take_wishes();
    [[nodiscard]] std::string reader() const;

    SlotOptions options_;
    ReaderCard* card_; ///< none: none is to be in
    SharedWakeup wakeup_;
    UniqueFd listener_;
    std::optional<Dialing> dialing_;
    Clock::time_point retry_at_;
    std::chrono::milliseconds pause_;
    std::optional<Clock::time_point> wonder_at_; ///< when to tell that nobody asks for the card
    std::atomic<bool> asked_ = false;
    bool in_ = false;   ///< the reader has asked for the card that is connected
    bool lost_ = false; ///< it had, and is gone
    bool finishing_ = false;
    bool leaving_ = false; ///< it was wished for that no card is in
    unsigned failures_ = 0;
    std::string trouble_;
    bool card_failed_ = false;
    std::exception_ptr card_error_;
    UniqueFd next_; ///< a newer connection, which waits for the card to be out of the older one
    std::unique_ptr<VpcdLink> link_; ///< last: its thread uses the others
};

} // namespace cardrig::harness
