// What came of one place of a sweep.
#pragma once

#include "harness/sweep/sweep_place.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace cardrig::harness {

enum class Outcome : std::uint8_t {
    clean,     ///< every promise held, at the cut and afterwards
    window,    ///< a promise was broken at the cut, and whole again when the client had been run again
    open,      ///< broken at the cut; whether a client mends it is not known (README.md says when)
    violation, ///< broken, and not mended
    diverged,  ///< the client did something else than in the recorded run, and never came to the place
    failed,    ///< our own trouble: nothing is known
};

/// "clean", "window", "open", "violation", "diverged", "failed"
[[nodiscard]] std::string_view word(Outcome outcome);
[[nodiscard]] std::optional<Outcome> outcome_from_word(std::string_view word);
/// Of two, the one that is worse for the user: failed, violation, diverged, open, window, clean.
[[nodiscard]] Outcome worse(Outcome one, Outcome other);

/// A promise that did not hold.
struct BrokenPromise {
    std::string invariant; ///< "I4"
    std::string card;      ///< its name, where it is about one of several
    std::string how;       ///< one sentence
    bool mended = false;   ///< whole again afterwards
    std::uint32_t run = 0; ///< after which run of the client it was seen: 0 at the cut itself without a
                           ///< client, 1 the interrupted run, 2 the first one of the recovery
    std::string state{};   ///< memory: of I2 and I4 the state in which it was seen, where that is not the
                           ///< place's: what another power-on found

    [[nodiscard]] nlohmann::json to_json() const;
    /// Throws RequestError with the offending key.
    [[nodiscard]] static BrokenPromise from_json(const nlohmann::json& json);
    friend bool operator==(const BrokenPromise&, const BrokenPromise&) = default;
};

struct PlaceOutcome {
    SweepPlace place;
    Outcome outcome = Outcome::clean;
    std::vector<BrokenPromise> broken;
    /// Where along the recorded run it lies, from 0: of a command its number among the commands and requests,
    /// of a memory write its number among all cards' writes. What the map's axis is.
    std::uint32_t position = 0;
    std::string client_phase; ///< "generating the key of 9A" (client_phase.h)
    std::string card_state;   ///< at the cut: "9A new key, old certificate" (card_phase.h)
    std::uint32_t runs = 0;   ///< of the client after the cut, until it was through or given up
    std::string state;   ///< memory: what the state that it left is called; recovery: the one it starts from
    std::string message; ///< diverged, failed: why
    double seconds = 0;  ///< that it took

    [[nodiscard]] nlohmann::json to_json() const;
    /// Throws RequestError with the offending key.
    [[nodiscard]] static PlaceOutcome from_json(const nlohmann::json& json);
    friend bool operator==(const PlaceOutcome&, const PlaceOutcome&) = default;
};

} // namespace cardrig::harness
