// What a reader sees of a card: power, reset, an ATR, and answers.
#pragma once

#include "apdu/bytes.h"

#include <optional>

namespace cardrig::harness {

using apdu::Bytes;
using apdu::ByteView;

/// Called by one reader link's thread at a time.
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
    /// The answer, or none where the card left the reader (or lost its power) instead of answering: the link
    /// then shows it as gone until somebody inserts it again.
    [[nodiscard]] virtual std::optional<Bytes> transmit(ByteView command) = 0;
    /// The rig has to end: what the card is made to wait for, now and from now on, is over at once. From any
    /// thread, also while a command runs.
    virtual void hurry() {}
};

} // namespace cardrig::harness
