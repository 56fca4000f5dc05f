// The host's half of a key pair, for tests: made from what GENERATE ASYMMETRIC KEY PAIR answers, used through
// OpenSSL alone.
#pragma once

#include "apdu/bytes.h"

#include <memory>

using EVP_PKEY = struct evp_pkey_st;

namespace cardrig::tests {

using apdu::Bytes;
using apdu::ByteView;

class PublicKey {
public:
    /// 7F49 { 81 modulus, 82 exponent } or { 86 point }; throws on anything else.
    explicit PublicKey(ByteView response);

    /// The block that a host has an RSA card sign for this SHA-256 digest (PKCS #1 v1.5).
    [[nodiscard]] Bytes signature_block(ByteView sha256) const;
    /// An RSA signature over such a block, or an ECDSA signature over the digest.
    [[nodiscard]] bool verifies(ByteView signature, ByteView sha256) const;
    [[nodiscard]] std::size_t size() const; ///< bytes of the modulus or of a coordinate
    /// RSA: encrypted without padding.
    [[nodiscard]] Bytes encrypt_raw(ByteView block) const;

private:
    std::shared_ptr<EVP_PKEY> key_;
    bool rsa_ = false;
};

/// An ephemeral pair of the host's, to agree on secrets with a card.
class HostKey {
public:
    /// `curve` as OpenSSL names it.
    explicit HostKey(const char* curve = "P-256");
    [[nodiscard]] Bytes point() const;
    /// The shared x-coordinate with the card's key, 7F49 { 86 point }.
    [[nodiscard]] Bytes agree(ByteView response) const;

private:
    std::shared_ptr<EVP_PKEY> key_;
};

} // namespace cardrig::tests
