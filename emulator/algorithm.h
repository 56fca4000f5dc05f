// Algorithm identifiers (SP 800-78-4 table 6-2, and -5 for RSA 3072; RSA 4096 has none there, and 16 is what
// the one card family that offers it calls it).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace cardrig::emulator {

enum class Algorithm : std::uint8_t {
    triple_des = 0x03,
    rsa3072 = 0x05,
    rsa1024 = 0x06,
    rsa2048 = 0x07,
    aes128 = 0x08,
    aes192 = 0x0A,
    aes256 = 0x0C,
    p256 = 0x11,
    p384 = 0x14,
    rsa4096 = 0x16,
};

[[nodiscard]] constexpr bool is_rsa(Algorithm a) {
    return a == Algorithm::rsa1024 || a == Algorithm::rsa2048 || a == Algorithm::rsa3072 ||
           a == Algorithm::rsa4096;
}
[[nodiscard]] constexpr bool is_elliptic(Algorithm a) {
    return a == Algorithm::p256 || a == Algorithm::p384;
}
[[nodiscard]] constexpr bool is_symmetric(Algorithm a) {
    return !is_rsa(a) && !is_elliptic(a);
}

/// "RSA 2048", "P-256", "AES-128", "3DES": as reports write them.
[[nodiscard]] std::string_view name(Algorithm algorithm);
/// As profiles write them: rsa-2048, p-256, aes-128, 3des.
[[nodiscard]] std::string_view profile_word(Algorithm algorithm);
[[nodiscard]] std::optional<Algorithm> algorithm_from_profile_word(std::string_view word);
/// By identifier; none for one that is not listed above.
[[nodiscard]] std::optional<Algorithm> algorithm_from_id(std::uint8_t id);

/// Symmetric algorithms only: bytes of a key (16, 24, 32) and of a block (8, 16).
[[nodiscard]] std::size_t key_size(Algorithm algorithm);
[[nodiscard]] std::size_t block_size(Algorithm algorithm);
/// Asymmetric algorithms only: bytes of the modulus, or of a coordinate.
[[nodiscard]] std::size_t field_size(Algorithm algorithm);

} // namespace cardrig::emulator
