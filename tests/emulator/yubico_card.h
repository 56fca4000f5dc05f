// A PIV card with the extensions of key tokens on, and what tests of these need again and again.
#pragma once

#include "tests/emulator/piv_card.h"

#include <array>
#include <string>
#include <vector>

namespace cardrig::tests {

inline constexpr std::array<std::uint8_t, 3> firmware_5_4{5, 4, 3};
inline constexpr std::array<std::uint8_t, 3> firmware_5_7{5, 7, 0};
inline constexpr std::uint32_t token_serial = 12'345'678;

/// RSA 1024 and 2048, P-256 and P-384; from 5.7 on RSA 3072 and 4096, too.
[[nodiscard]] Setup yubico_setup(std::array<std::uint8_t, 3> firmware = firmware_5_4);

/// 24 bytes: 01 to 08 three times.
[[nodiscard]] Bytes factory_management_key();

/// A key pair made outside the card, with the numbers that IMPORT KEY takes.
class OutsideKey {
public:
    explicit OutsideKey(emulator::Algorithm algorithm);

    [[nodiscard]] emulator::Algorithm algorithm() const { return algorithm_; }
    [[nodiscard]] Bytes subject_public_key_info() const;
    /// What stands inside 7F49.
    [[nodiscard]] Bytes public_key_template() const;
    /// 01 to 05, or 06: big-endian, of half a modulus or a coordinate.
    [[nodiscard]] std::vector<Bytes> numbers() const;
    /// The data of IMPORT KEY.
    [[nodiscard]] Bytes import_field() const;

private:
    emulator::CryptoContext context_;
    emulator::Algorithm algorithm_;
    emulator::PrivateKey key_;
};

/// The data of IMPORT KEY from its numbers.
[[nodiscard]] Bytes import_field(emulator::Algorithm algorithm, const std::vector<Bytes>& numbers);

/// Wrong codes until both are blocked.
void block_codes(CardSession& card);

} // namespace cardrig::tests
