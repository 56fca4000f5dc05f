// How targets take their input apart.
#pragma once

#include "apdu/bytes.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fuzz {

inline std::string_view text(cardrig::apdu::ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// That many bytes off the front, or as many as there are.
inline cardrig::apdu::ByteView take(cardrig::apdu::ByteView& bytes, std::size_t count) {
    const cardrig::apdu::ByteView taken = bytes.first(std::min(count, bytes.size()));
    bytes = bytes.subspan(taken.size());
    return taken;
}

/// One byte off the front; 0 where there is none.
inline std::uint8_t take_byte(cardrig::apdu::ByteView& bytes) {
    const cardrig::apdu::ByteView taken = take(bytes, 1);
    return taken.empty() ? std::uint8_t{0} : taken[0];
}

} // namespace fuzz
