// What a card's configuration must keep to, whoever wrote it: a profile or an image.
#pragma once

#include "emulator/card_config.h"

#include <optional>
#include <string>

namespace cardrig::emulator {

/// The most memory that a card may have, in bytes.
inline constexpr std::uint32_t largest_memory = 64U << 20U;

/// What is wrong with an answer to reset as ISO/IEC 7816-3, 8.2 builds it; none where nothing is.
[[nodiscard]] std::optional<std::string> atr_fault(apdu::ByteView atr);

/// What is wrong with a geometry, the limits of NvmGeometry and `largest_memory` taken together.
[[nodiscard]] std::optional<std::string> geometry_fault(const NvmGeometry& geometry);

/// The first thing that is wrong with a configuration; none where nothing is.
[[nodiscard]] std::optional<std::string> config_fault(const CardConfig& config);

/// What is wrong with a passcode under these rules, without repeating it; none where nothing is.
[[nodiscard]] std::optional<std::string> passcode_fault(const PasscodeRules& rules,
                                                        std::string_view passcode);

} // namespace cardrig::emulator
