// What the driver in pcscd and the rig say to each other: packets on two connections for each reader.
#pragma once

#include "apdu/bytes.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace cardrig::harness::ifd {

using apdu::Bytes;
using apdu::ByteView;

/// pcscd's own limit, each way.
inline constexpr std::size_t most_apdu_bytes = 65548;
/// The longest packet: what it is, and an APDU.
inline constexpr std::size_t most_packet_bytes = 1 + most_apdu_bytes;
/// The longest ATR of ISO 7816-3.
inline constexpr std::size_t most_atr_bytes = 33;

enum class Presence : std::uint8_t { absent = 0, present = 1, unplugged = 2 };

/// What a connection is for.
enum class Line : std::uint8_t {
    commands = 1, ///< the driver asks, the rig answers, one after the other
    events = 2,   ///< the rig tells transitions, the driver acknowledges them, one after the other
};

/// The driver's first packet on each connection.
struct Hello {
    Line line = Line::commands;
    std::uint8_t reader = 0;

    [[nodiscard]] std::array<std::uint8_t, 6> bytes() const;
    /// None where it is no hello of this version.
    [[nodiscard]] static std::optional<Hello> parse(ByteView packet);
};

/// What pcscd is told of a reader, in order. The first one answers the hello on the line for events: what the
/// reader is like when it is opened.
struct Transition {
    std::uint64_t number = 0;
    Presence presence = Presence::absent;

    [[nodiscard]] std::array<std::uint8_t, 9> bytes() const;
    [[nodiscard]] static std::optional<Transition> parse(ByteView packet);
};

/// The driver's answer to a transition: pcscd has told its clients.
struct Acknowledgement {
    std::uint64_t number = 0;

    [[nodiscard]] std::array<std::uint8_t, 8> bytes() const;
    [[nodiscard]] static std::optional<Acknowledgement> parse(ByteView packet);
};

enum class Ask : std::uint8_t {
    power_up = 1,   ///< answered by the ATR
    power_down = 2, ///< answered by nothing
    reset = 3,      ///< a warm one; answered by the ATR
    presence = 4,   ///< answered by one byte, a Presence
    transmit = 5,   ///< answered by the card's answer
};

struct Request {
    Ask ask = Ask::presence;
    ByteView data; ///< of `transmit`, the command; else empty

    [[nodiscard]] static std::optional<Request> parse(ByteView packet);
};

enum class Outcome : std::uint8_t {
    done = 0,
    removed = 1, ///< the card is out, or was taken out while it ran
    mute = 2,    ///< it has no ATR
    failed = 3,  ///< a communication error
};

struct Reply {
    Outcome outcome = Outcome::failed;
    ByteView data;

    [[nodiscard]] static std::optional<Reply> parse(ByteView packet);
};

} // namespace cardrig::harness::ifd
