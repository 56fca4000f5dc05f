// How a card keeps its memory whole when the power goes in the middle of a change.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace cardrig::emulator {

/// The numbers are those in the superblock (emulator/README.md).
enum class Protection : std::uint8_t {
    journal = 0, ///< redo log with a checksummed commit record
    shadow = 1,  ///< copy, then switch
    none = 2,    ///< everything in place, as cheap cards do: a cut tears it
};

inline constexpr std::array all_protections{Protection::none, Protection::journal, Protection::shadow};

/// "none", "journal", "shadow": as profiles and images have it.
[[nodiscard]] std::string_view protection_word(Protection protection);
/// None for any other word.
[[nodiscard]] std::optional<Protection> protection_from_word(std::string_view word);

} // namespace cardrig::emulator
