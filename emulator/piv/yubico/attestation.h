// The certificate by which a token vouches that a key pair was made on it (the maker's "PIV attestation"):
// signed by the attestation key, issued under the name in that key's certificate, with that certificate's
// dates.
#pragma once

#include "emulator/card_config.h"
#include "emulator/environment.h"
#include "emulator/piv/key_ring.h"

namespace cardrig::emulator::piv::yubico {

struct Attestor {
    const PrivateKey& key;
    ByteView certificate; ///< DER
};

/// The DER of the certificate; fails where the attestor's is none. Draws random numbers of the card's.
[[nodiscard]] Result<Bytes> attest(Environment environment, const YubicoExtensions& token,
                                   const Attestor& attestor, KeyReference reference, const UsableKey& key);

} // namespace cardrig::emulator::piv::yubico
