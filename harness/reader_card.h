// What a reader sees of a card: power, reset, an ATR, and answers.
#pragma once

#include "apdu/bytes.h"

#include <cstdint>

#include <tl/expected.hpp>

namespace cardrig::harness {

using apdu::Bytes;
using apdu::ByteView;

/// Why a command has no answer.
enum class NoAnswer : std::uint8_t {
    removed,  ///< the card is out of the reader
    no_power, ///< it is in, and says nothing until it is powered on again (a reset does that, too)
};

using Answer = tl::expected<Bytes, NoAnswer>;

/// Called by one reader link's thread at a time, but for hurry() and lose_power().
class ReaderCard {
public:
    ReaderCard() = default;
    ReaderCard(const ReaderCard&) = delete;
    ReaderCard& operator=(const ReaderCard&) = delete;
    virtual ~ReaderCard() = default;

    /// Power on, or again while on (no change). A card that cannot start stays mute: its ATR is empty.
    virtual void power_on() = 0;
    virtual void power_off() = 0;
    virtual void reset() = 0;
    /// Empty while it is mute or without power.
    [[nodiscard]] virtual Bytes atr() = 0;
    /// The answer, or why there is none.
    [[nodiscard]] virtual Answer transmit(ByteView command) = 0;
    /// The rig has to end: what the card is made to wait for, now and from now on, is over at once. From any
    /// thread, also while a command runs.
    virtual void hurry() {}
    /// The card is torn out, or its power fails: from this moment on nothing more reaches its memory, and
    /// what a running command waits for is over. From any thread, also while a command runs, which then has
    /// no answer. Until the next power_on().
    virtual void lose_power() {}
};

} // namespace cardrig::harness
