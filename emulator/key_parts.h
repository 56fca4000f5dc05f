// Private keys from the numbers that they consist of (RFC 8017, 3.2; SEC 1, 3.2.1), as hosts hand them to a
// card.
#pragma once

#include "emulator/crypto.h"

namespace cardrig::emulator {

/// Big-endian, with or without zeros in front. The public exponent is 65537.
struct RsaParts {
    Bytes p;
    Bytes q;
    Bytes dp;
    Bytes dq;
    Bytes q_inverse;
};

/// Fails where the parts contradict each other, where p or q is no prime, and where the modulus does not have
/// the algorithm's length exactly. Draws random numbers of the context.
[[nodiscard]] Result<PrivateKey> key_from_parts(CryptoContext& context, Algorithm algorithm,
                                                const RsaParts& parts);
/// Fails where the private number is 0 or not below the curve's order. Draws random numbers of the context.
[[nodiscard]] Result<PrivateKey> key_from_scalar(CryptoContext& context, Algorithm algorithm,
                                                 ByteView scalar);

} // namespace cardrig::emulator
