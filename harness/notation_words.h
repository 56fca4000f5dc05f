// The words of a place or an effect: blanks and tabs part them.
#pragma once

#include <string_view>
#include <vector>

namespace cardrig::harness {

/// Views into `text`; none where there is nothing but blanks.
[[nodiscard]] std::vector<std::string_view> notation_words(std::string_view text);

} // namespace cardrig::harness
