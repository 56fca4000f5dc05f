// Digests of 64 bits by which images and states of cards are told apart within one process.
#pragma once

#include "apdu/bytes.h"

#include <cstdint>
#include <functional>
#include <string_view>

namespace cardrig::harness::digests {

/// One value and another, in this order.
[[nodiscard]] constexpr std::uint64_t mixed(std::uint64_t one, std::uint64_t other) {
    // The finish of SplitMix64 (Steele, Lea, Flood, 2014).
    std::uint64_t mixed = one + 0x9E37'79B9'7F4A'7C15U * (other + 1);
    mixed = (mixed ^ (mixed >> 30U)) * 0xBF58'476D'1CE4'E5B9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94D0'49BB'1331'11EBU;
    return mixed ^ (mixed >> 31U);
}

[[nodiscard]] inline std::uint64_t of(apdu::ByteView bytes) {
    return std::hash<std::string_view>{}({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

} // namespace cardrig::harness::digests
