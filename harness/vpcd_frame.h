// Frames between vpcd and a card: a 16-bit big-endian length and that many bytes. A payload of one byte with
// one of four values is a control request, of which only `atr` is answered; every other payload is a command
// APDU, answered with one frame. Source: the virtualsmartcard documentation, "Virtual PCD".
#pragma once

#include "apdu/bytes.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace cardrig::harness {

inline constexpr std::size_t vpcd_header_size = 2;
/// The most that a frame can hold, either way.
inline constexpr std::size_t vpcd_max_payload = 0xFFFF;

enum class VpcdRequest : std::uint8_t { power_off, power_on, reset, atr, command };

/// An empty payload and a lone byte of another value are commands (malformed ones, for the card to refuse).
[[nodiscard]] VpcdRequest vpcd_request(apdu::ByteView payload);

/// The length of a payload as it is sent; the payload is at most vpcd_max_payload bytes.
[[nodiscard]] std::array<std::uint8_t, vpcd_header_size> vpcd_header(std::size_t payload_size);

/// Cuts a stream of bytes into payloads, however the stream was cut into pieces.
class VpcdFrameReader final {
public:
    void append(apdu::ByteView bytes);
    /// The next whole payload, or none until more bytes come.
    [[nodiscard]] std::optional<apdu::Bytes> next();

private:
    apdu::Bytes pending_;
    std::size_t taken_ = 0; ///< bytes of pending_ that were given out already
};

} // namespace cardrig::harness
