// Where a vpcd is, as somebody types it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace cardrig::harness {

/// vpcd's own port, for its first slot; the second slot has the next one.
inline constexpr std::uint16_t vpcd_usual_port = 0x8C7B;
inline constexpr std::size_t vpcd_slots = 2;

struct Endpoint {
    std::string host = "127.0.0.1"; ///< a name or an address, without brackets
    std::uint16_t port = vpcd_usual_port;

    /// "HOST", "HOST:PORT", "[ADDRESS]:PORT", an IPv6 address, or a port alone. What is not said is 127.0.0.1
    /// and 35963. Throws RequestError; `option` is what the message calls the text.
    [[nodiscard]] static Endpoint parse(std::string_view text, std::string_view option);
    /// Of a slot, from 0. Throws RequestError where there is no such port.
    [[nodiscard]] Endpoint of_slot(std::size_t slot) const;
    [[nodiscard]] std::string text() const;
    friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

} // namespace cardrig::harness
