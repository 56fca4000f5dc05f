// The secrets of each card: derived from one master secret by the card's GUID, so that nothing need be kept.
#pragma once

#include "emulator/crypto.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace cardrig::harness {

class CardSecrets final {
public:
    /// Draws the master secret. The context outlives this.
    explicit CardSecrets(emulator::CryptoContext& context);
    CardSecrets(const CardSecrets&) = delete;
    CardSecrets& operator=(const CardSecrets&) = delete;
    ~CardSecrets();

    /// As many bytes as the algorithm has. 3DES: with odd parity, three different keys, none of them weak
    /// (SP 800-67 rev. 2, 3.3 and 3.4). Throws std::invalid_argument where the algorithm is not symmetric.
    [[nodiscard]] emulator::Bytes management_key(emulator::ByteView guid,
                                                 emulator::Algorithm algorithm) const;
    /// Eight digits. Each generation differs from the one before, and none is the one that all blank cards
    /// have.
    [[nodiscard]] std::string unblocking_code(emulator::ByteView guid, std::uint32_t generation) const;

private:
    /// HMAC-SHA-256 (RFC 2104) over a label, the GUID and two numbers.
    [[nodiscard]] emulator::Bytes derive(std::string_view label, emulator::ByteView guid,
                                         std::uint32_t number, std::uint32_t attempt) const;
    [[nodiscard]] std::string candidate(emulator::ByteView guid, std::uint32_t generation,
                                        std::uint32_t attempt) const;

    emulator::CryptoContext& context_;
    emulator::Bytes master_;
};

} // namespace cardrig::harness
