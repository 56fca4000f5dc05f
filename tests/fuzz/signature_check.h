// An ECDSA signature, checked by OpenSSL alone.
#pragma once

#include "apdu/bytes.h"
#include "emulator/crypto.h"

namespace fuzz {

/// Over a digest as the card takes it: of up to the curve's length, extended with zeros on the left. `pkcs8`:
/// the key pair, whose public half is used.
[[nodiscard]] bool verifies(cardrig::emulator::CryptoContext& context, cardrig::apdu::ByteView pkcs8,
                            cardrig::apdu::ByteView signature, cardrig::apdu::ByteView digest);

} // namespace fuzz
