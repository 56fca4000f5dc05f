// The codes that a token with extensions leaves the factory with, and the two commands that bring them back:
// SET PIN RETRIES and RESET.
//
// What a power cut may do. Codes, limits and what is erased change in transactions; counters change outside
// of them, one by one. Whoever cuts the power must get no tries at a code that was there before: so counters
// rise last, when the old codes are gone.
#pragma once

#include "emulator/piv/state.h"

namespace cardrig::emulator::piv::yubico {

inline constexpr std::string_view factory_passcode = "123456";
inline constexpr std::string_view factory_unblocking_code = "12345678";
/// Of passcode and unblocking code alike.
inline constexpr std::uint8_t factory_tries = 3;

/// What management_key_object holds then.
[[nodiscard]] Bytes factory_management_key(const YubicoExtensions& token);
/// Whether the card's management key is that one, under whichever algorithm.
[[nodiscard]] bool has_factory_management_key(const ObjectStore& store, const YubicoExtensions& token);

/// Sets the limits of both retry counters, and brings both factory codes back. 6A84 where memory does not
/// suffice, and then nothing has changed but counters that stood above their new limit.
[[nodiscard]] StatusWord set_retry_limits(State& state, const RetryLimits& limits);

/// Takes all keys, certificates and objects away and brings codes, limits and management key of the factory
/// back. The attestation key and its certificate stay. The caller has seen that both codes are blocked; they
/// stay blocked until all else is done. 6A84 where memory does not suffice, and then nothing has changed.
[[nodiscard]] StatusWord reset(State& state);

} // namespace cardrig::emulator::piv::yubico
