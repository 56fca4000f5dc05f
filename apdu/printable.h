// Text from outside (a file, a host) as it may stand in a message: a terminal obeys control characters.
#pragma once

#include <string>
#include <string_view>

namespace cardrig::apdu {

/// Whether control characters are in it: U+0000 to 001F, U+007F to 009F. Bytes that are not UTF-8 are none.
[[nodiscard]] bool has_control_characters(std::string_view text);

/// The text with each byte of a control character, and each byte that is not UTF-8, as \xNN. What comes out
/// stays as it is the second time.
[[nodiscard]] std::string printable(std::string_view text);

} // namespace cardrig::apdu
