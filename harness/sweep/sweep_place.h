// The places of a sweep, and the one notation for them: the id by which a place is tried again.
//
//     live: PLACE: EFFECT
//     memory: WRITE: TEARING[; recovery N: TEARING ...]
//     recovery: WRITE: TEARING[; recovery N: TEARING ...]
//
// "live: put-data signature-certificate block 3 before: remove", "memory: write #57: prefix half; recovery 3:
// lost-writes", "recovery: write #57 card agent: erased-page".
//
// PLACE is a command or an authority's request, and PLACE and EFFECT are the words of scenarios
// (harness/place.h, harness/fault.h); WRITE is a place of the form `write #n [card NAME]`, TEARING a tearing
// model (harness/faulty_nvm.h). `recovery N` is the N-th memory write of the recovery at the power-on that
// follows.
#pragma once

#include "apdu/result.h"
#include "harness/fault.h"
#include "harness/faulty_nvm.h"
#include "harness/place.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cardrig::harness {

enum class SweepPhase : std::uint8_t {
    memory,   ///< what a cut leaves, looked at without the client
    recovery, ///< the client is run on what a cut left, as from another workstation
    live,     ///< the client is interrupted, and run again where it was
};

/// "memory", "recovery", "live"
[[nodiscard]] std::string_view word(SweepPhase phase);
[[nodiscard]] std::optional<SweepPhase> sweep_phase_from_word(std::string_view word);
/// In the order in which they are done.
inline constexpr std::array all_sweep_phases{SweepPhase::memory, SweepPhase::recovery, SweepPhase::live};

/// A cut during the recovery from an earlier one.
struct RecoveryCut {
    std::uint64_t write = 1; ///< of that recovery, from 1
    Tearing tearing;
    friend bool operator==(const RecoveryCut&, const RecoveryCut&) = default;
};

struct SweepPlace {
    SweepPhase phase = SweepPhase::live;
    Place place;                      ///< memory, recovery: `write #n`, with a card where it is not the first
    Effect effect;                    ///< memory, recovery: cut_power with its tearing
    std::vector<RecoveryCut> further; ///< memory, recovery: one after the other

    /// Fails with a message that names the offending word and the right form.
    [[nodiscard]] static apdu::Result<SweepPlace> parse(std::string_view text);
    [[nodiscard]] std::string text() const;
    /// The row of the map that it belongs to, and what `--models` names: memory and recovery: the tearing's
    /// model and variant ("prefix half"); live: the effect and the moment ("cut-power after"); of an
    /// authority's request likewise ("fail 503 before").
    [[nodiscard]] std::string model() const;
    friend bool operator==(const SweepPlace&, const SweepPlace&) = default;
};

} // namespace cardrig::harness
