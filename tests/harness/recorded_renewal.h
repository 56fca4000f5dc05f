// A renewal by commands alone, on a card in this process, as a recording: what the memory phase of a sweep
// looks at, without a rig, a client or an authority's server.
#pragma once

#include "harness/profile.h"
#include "harness/sweep/card_maker.h"
#include "harness/sweep/recording.h"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace cardrig::test {

struct RenewalScript {
    harness::ProfileOverrides overrides{}; ///< of the profile piv-staff
    harness::CardMaker maker{};            ///< a planted defect is there while it is recorded
    std::size_t rounds = 1;                ///< renewals of 9A and 9C, one after the other
    bool wrong_try = false;                ///< a wrong passcode is shown first
    std::vector<unsigned> slots{0x9A, 0x9C};
    std::optional<emulator::NvmGeometry> chip{}; ///< what the memory is, where the card is made for another
};

inline constexpr const char* recorded_passcode = "314159";

/// VERIFY, authentication with 9B, and for each slot GENERATE, a certificate, PUT DATA. Throws
/// std::runtime_error where the card does not answer as it should.
[[nodiscard]] harness::Recording record_renewal(const RenewalScript& script);

/// Overrides for a card with elliptic keys, little memory and this protection: quick to try in every way.
[[nodiscard]] harness::ProfileOverrides small_card(const std::string& protection);

} // namespace cardrig::test
