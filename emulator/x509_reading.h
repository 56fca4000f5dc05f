// What certificates say (RFC 5280), read by OpenSSL, and whether a key is the one that they speak of.
#pragma once

#include "emulator/crypto.h"

#include <chrono>
#include <optional>
#include <string>

namespace cardrig::emulator {

struct CertificateFacts {
    std::string subject; ///< RFC 2253, as OpenSSL prints it: the last attribute first, not ASCII as \XX
    std::string issuer;
    std::string serial; ///< upper-case hex, an even number of digits
    std::chrono::sys_seconds not_before;
    std::chrono::sys_seconds not_after;
    Bytes public_key;                   ///< SubjectPublicKeyInfo, DER
    std::optional<Algorithm> algorithm; ///< of the public key; none for one that no card has
};

/// Fails on what is no certificate, on bytes left over behind one, and on dates or a key that cannot be read.
[[nodiscard]] Result<CertificateFacts> read_certificate(CryptoContext& context, ByteView der);

/// Signs a random digest with the key, as a card would, and verifies that under the certificate's public key.
/// False for what is no certificate, too.
[[nodiscard]] bool signature_proves(const PrivateKey& key, ByteView certificate_der);

} // namespace cardrig::emulator
