// A reader, as whoever moves cards drives it: where a card is put in, and taken out again.
#pragma once

#include "harness/reader_card.h"

#include <chrono>
#include <exception>
#include <functional>

namespace cardrig::harness {

/// Thread-safe. But for settle() nothing here waits for the daemon, for a client or for a card's command:
/// what is done here takes its way to them in the order in which it was done, and nothing of it is lost. It
/// may be called by a card while a command runs on it, also to move that very card.
class Reader {
public:
    Reader() = default;
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    virtual ~Reader() = default;

    /// Puts a card in, which outlives the reader; it gets its power when the reader gives it. Nothing happens
    /// where a card is in.
    virtual void insert(ReaderCard& card) = 0;
    /// Takes out what is in. A command that runs is aborted; the card's power is gone at once
    /// (ReaderCard::lose_power()), and it is switched off properly once that command has come to its end.
    virtual void remove() = 0;
    /// What is in stays in and loses its power (ReaderCard::lose_power()); a command that runs is aborted. It
    /// is silent until the reader powers it on again. As vpcd has no way to show that, there it is the card's
    /// affair alone.
    virtual void cut_power() {
        if (ReaderCard* const in = card()) {
            in->lose_power();
        }
    }
    /// The reader itself is pulled out, and plugged in again: a card that is in stays in, without power
    /// meanwhile. vpcd cannot show that: its card is out until the reader is plugged in.
    virtual void unplug() = 0;
    virtual void plug() = 0;

    /// What is in; none where nothing is, or where it has left by itself.
    [[nodiscard]] virtual ReaderCard* card() const = 0;
    [[nodiscard]] virtual bool plugged() const = 0;

    /// Waits until a PC/SC client that waits for events can have seen all that was done until now. False
    /// where it cannot within `limit`; throws HostError where the daemon is gone. `keep_waiting` is called
    /// now and then meanwhile, and throws to stop it.
    [[nodiscard]] virtual bool settle(std::chrono::milliseconds limit,
                                      const std::function<void()>& keep_waiting) = 0;
    /// What a card in it threw, if one did: that card was then taken out.
    [[nodiscard]] virtual std::exception_ptr error() const = 0;
};

} // namespace cardrig::harness
