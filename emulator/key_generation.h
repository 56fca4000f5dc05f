// Making key pairs, for key sources.
#pragma once

#include "emulator/crypto.h"

namespace cardrig::emulator {

/// What every source calls the operation, so that one seed gives the same keys whichever source makes them.
inline constexpr std::string_view key_generation_purpose = "generate key pair";

/// Makes a key pair with the random numbers of the operation that the caller has begun.
/// Throws std::invalid_argument for a symmetric algorithm.
[[nodiscard]] PrivateKey generate_in_current_operation(CryptoContext& context, Algorithm algorithm);

} // namespace cardrig::emulator
