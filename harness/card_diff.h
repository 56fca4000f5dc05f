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

/// A card and what was found on it.
struct ExaminedCard {
    emulator::CardImage image;
    emulator::CardState state;
};

/// Whole cards: first what they are (rules, algorithms, memory, protection, timing and so on) and the weak
/// bits of their memories, then as above.
[[nodiscard]] std::vector<CardDifference> compare_cards(const ExaminedCard& before,
                                                        const ExaminedCard& after);

/// One line each, "subject: change".
[[nodiscard]] std::vector<std::string> difference_lines(const std::vector<CardDifference>& differences);

/// An array of {"what", "change", "before", "after"}.
[[nodiscard]] nlohmann::json differences_json(const std::vector<CardDifference>& differences);

/// One line each of what differs between the states; none for cards that are equal.
[[nodiscard]] std::vector<std::string> card_differences(const emulator::CardState& before,
                                                        const emulator::CardState& after);

} // namespace cardrig::harness
