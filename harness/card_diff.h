// What is different between two cards, or between one card before and after a run, by meaning: not bytes of
// memory but keys, certificates, passcodes and counters. No secret is in it.
#pragma once

#include "emulator/inspection.h"

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace cardrig::harness {

struct CardDifference {
    std::string subject;   ///< "9A certificate", "passcode tries", an object's name
    std::string change;    ///< "replaced (serial ..., ends ... -> serial ..., ends ...)", "3 -> 2", "changed"
    nlohmann::json before; ///< null where there was none, and for secrets
    nlohmann::json after;
};

/// In a fixed order: the card, its secrets and counters, slots by reference, other objects by tag.
[[nodiscard]] std::vector<CardDifference> compare_cards(const emulator::CardState& before,
                                                        const emulator::CardState& after);

/// One line each, "subject: change"; none for cards that are equal.
[[nodiscard]] std::vector<std::string> card_differences(const emulator::CardState& before,
                                                        const emulator::CardState& after);

/// An array of {"what", "change", "before", "after"}.
[[nodiscard]] nlohmann::json card_differences_json(const emulator::CardState& before,
                                                   const emulator::CardState& after);

} // namespace cardrig::harness
