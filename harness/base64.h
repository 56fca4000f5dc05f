// Base64 (RFC 4648, 4), as JSON carries bytes.
#pragma once

#include "apdu/bytes.h"

#include <string>
#include <string_view>

namespace cardrig::harness {

/// With padding, without line ends.
[[nodiscard]] std::string to_base64(apdu::ByteView bytes);
/// Strict (RFC 4648, 3): padding where it belongs, no other character, no bits left over.
[[nodiscard]] apdu::Result<apdu::Bytes> from_base64(std::string_view text);

} // namespace cardrig::harness
