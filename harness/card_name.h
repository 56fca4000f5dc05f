// Names of cards, as places, effects and scenarios name them: "1", "agent", "old_card-2".
#pragma once

#include "apdu/result.h"

#include <string>
#include <string_view>

namespace cardrig::harness {

inline constexpr std::size_t longest_card_name = 32;

/// The name: 1 to 32 letters (of ASCII), digits, '-' and '_', and no word of the notation for places and
/// effects ("reader", "remove"), so that a word left out is never taken for a name. Fails saying what is
/// wrong with it.
[[nodiscard]] apdu::Result<std::string> card_name(std::string_view text);

} // namespace cardrig::harness
