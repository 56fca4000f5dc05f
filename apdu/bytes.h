// Byte strings and their hexadecimal form, as the whole project passes them around.
#pragma once

#include "apdu/result.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cardrig::apdu {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

/// Upper-case hexadecimal without separators; empty for no bytes.
[[nodiscard]] std::string to_hex(ByteView bytes);

/// Reads hexadecimal digits in pairs; blanks and colons between pairs are allowed.
/// Fails on any other character and on half a byte, naming the offset.
[[nodiscard]] Result<Bytes> from_hex(std::string_view text);

} // namespace cardrig::apdu
