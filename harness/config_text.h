// What a card is, apart from what lies in its memory, in words.
#pragma once

#include "emulator/card_config.h"

#include <string>
#include <vector>

namespace cardrig::harness {

struct ConfigFact {
    std::string name; ///< "PUT DATA"
    std::string text; ///< "buffered"
};

/// What the card can do and how fast: everything but name, ATR, passcodes' rules, algorithms and memory. A
/// card that answers at once has one fact about timing, another one for each time that it takes.
[[nodiscard]] std::vector<ConfigFact> capability_facts(const emulator::CardConfig& config);

/// All of it but name and ATR, and but the numbers of tries, which a card may keep for itself.
[[nodiscard]] std::vector<ConfigFact> config_facts(const emulator::CardConfig& config);

/// "6 to 8 digits"
[[nodiscard]] std::string rules_text(const emulator::PasscodeRules& rules);
/// "RSA 2048, P-256"
[[nodiscard]] std::string algorithms_text(const emulator::CardConfig& config);
/// "T=0, T=1"
[[nodiscard]] std::string protocols_text(const emulator::CardConfig& config);
/// "journal"
[[nodiscard]] std::string protection_text(const emulator::CardConfig& config);

} // namespace cardrig::harness
