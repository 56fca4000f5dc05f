// What a card's configuration must keep to, whoever wrote it: a profile or an image.
#pragma once

#include "emulator/card_config.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cardrig::emulator {

/// The most memory that a card may have, in bytes.
inline constexpr std::uint32_t largest_memory = 64U << 20U;

/// The longest that a card may be busy with one thing.
inline constexpr std::chrono::microseconds longest_wait = std::chrono::minutes(10);

/// What a host may send to PUT DATA at all, in bytes: the limits of PivConfig::longest_object. The lower one
/// leaves room for an object of 245 bytes, such as the printed information; extended length ends at the
/// upper.
inline constexpr std::uint32_t smallest_longest_object = 256;
inline constexpr std::uint32_t largest_longest_object = 65'535;

/// What is wrong with an answer to reset as ISO/IEC 7816-3, 8.2 builds it; none where nothing is.
[[nodiscard]] std::optional<std::string> atr_fault(apdu::ByteView atr);

/// The transmission protocols that an answer to reset without fault offers, in its order: 0 for T=0, 1 for
/// T=1. One that names none offers T=0 (ISO/IEC 7816-3, 8.2.3).
[[nodiscard]] std::vector<int> protocols(apdu::ByteView atr);

/// What is wrong with a geometry, the limits of NvmGeometry and `largest_memory` taken together.
[[nodiscard]] std::optional<std::string> geometry_fault(const NvmGeometry& geometry);

/// What is wrong with a duration of Timing, called `what`.
[[nodiscard]] std::optional<std::string> wait_fault(std::string_view what, std::chrono::microseconds wait);

/// The first thing that is wrong with a configuration; none where nothing is.
[[nodiscard]] std::optional<std::string> config_fault(const CardConfig& config);

/// Whether a passcode under these rules may have this character.
[[nodiscard]] bool is_allowed(const PasscodeRules& rules, std::uint8_t character);

/// What is wrong with a passcode under these rules, without repeating it; none where nothing is.
[[nodiscard]] std::optional<std::string> passcode_fault(const PasscodeRules& rules,
                                                        std::string_view passcode);

} // namespace cardrig::emulator
