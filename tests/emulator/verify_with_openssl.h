// The other side of the card's cryptography: checks made with the public key alone, by OpenSSL's high-level
// functions in its default context.
#pragma once

#include "apdu/bytes.h"

namespace cardrig::test {

/// RSA with the public exponent, no padding.
[[nodiscard]] apdu::Bytes rsa_public_operation(const apdu::Bytes& public_key_info, apdu::ByteView block);
[[nodiscard]] bool ecdsa_verifies(const apdu::Bytes& public_key_info, apdu::ByteView digest,
                                  apdu::ByteView signature);
/// PKCS#8 of the key on P-256 with this private number; its public point need not match.
[[nodiscard]] apdu::Bytes p256_key(apdu::ByteView private_number, apdu::ByteView public_point);
/// PKCS#8 of a new key of a kind that no card has: "P-521", "ED25519", "RSA" of 512 bits.
[[nodiscard]] apdu::Bytes foreign_key(const char* kind);

} // namespace cardrig::test
