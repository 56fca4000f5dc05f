// A fault: a place and an effect. The one table of verbs.
#pragma once

#include "apdu/result.h"
#include "apdu/status_word.h"
#include "harness/faulty_nvm.h"
#include "harness/place.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cardrig::harness {

/// What is done to a card. Words as in scenarios: `cut-power`, `remove`, `answer 6A80`.
enum class Verb : std::uint8_t { cut_power, remove, answer };

[[nodiscard]] std::string_view word(Verb verb);
[[nodiscard]] std::optional<Verb> verb_from_word(std::string_view word);

struct Effect {
    Verb verb = Verb::cut_power;
    Tearing tearing;                                          ///< cut_power at a memory write
    apdu::StatusWord status = apdu::sw::no_precise_diagnosis; ///< answer

    /// `cut-power`, `cut-power prefix half`, `remove`, `answer 6A80`.
    [[nodiscard]] static apdu::Result<Effect> parse(std::string_view text);
    [[nodiscard]] std::string text() const;
};

struct Fault {
    Place place;
    Effect effect;
    /// Fails where the two do not go together (an answer at a memory write).
    [[nodiscard]] apdu::Result<void> check() const;
};

} // namespace cardrig::harness
