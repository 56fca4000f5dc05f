// A key pair's public half, and what a card is given so that it signs with the other.
#pragma once

#include "apdu/bytes.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <openssl/types.h>

namespace cardrig::client {

class PublicKey final {
public:
    explicit PublicKey(std::shared_ptr<EVP_PKEY> key) : key_(std::move(key)) {}

    /// As a card tells the key that it has just made: 7F49 with modulus and exponent, or a point (SP 800-73-4
    /// part 2, 3.3.2). None where it is no such thing, or no key of this algorithm.
    [[nodiscard]] static std::optional<PublicKey> from_template(apdu::ByteView data, std::uint8_t algorithm);

    /// SP 800-78-4, table 6-2 (and RSA 3072 and 4096 as cards have them since); none for a key that cards do
    /// not have.
    [[nodiscard]] std::optional<std::uint8_t> algorithm() const;
    [[nodiscard]] bool is_rsa() const;
    /// What the card's private key operation takes to sign `data` with SHA-256: PKCS #1 v1.5 padding as long
    /// as the modulus (RFC 8017, 9.2), or the hash.
    [[nodiscard]] apdu::Bytes signing_input(apdu::ByteView data) const;
    [[nodiscard]] bool verifies(apdu::ByteView data, apdu::ByteView signature) const;
    [[nodiscard]] EVP_PKEY* get() const { return key_.get(); }
    [[nodiscard]] bool same_as(const PublicKey& other) const;
    /// What tells it from every other key: SHA-256 of the SubjectPublicKeyInfo, hexadecimal.
    [[nodiscard]] std::string id() const;

private:
    std::shared_ptr<EVP_PKEY> key_;
};

/// By the authority's word ("rsa-2048", "p-256"); none for one that is not known.
[[nodiscard]] std::optional<std::uint8_t> algorithm_from_word(std::string_view word);

} // namespace cardrig::client
