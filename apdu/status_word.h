// Status words: the two bytes that close every response (ISO/IEC 7816-4, 5.6).
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>

namespace cardrig::apdu {

/// Any 16-bit status word. The named ones are in namespace `sw`.
class StatusWord {
public:
    constexpr explicit StatusWord(std::uint16_t value) : value_(value) {}
    constexpr StatusWord(std::uint8_t sw1, std::uint8_t sw2)
        : value_(static_cast<std::uint16_t>(sw1 << 8U | sw2)) {}

    [[nodiscard]] constexpr std::uint16_t value() const { return value_; }
    [[nodiscard]] constexpr std::uint8_t sw1() const { return static_cast<std::uint8_t>(value_ >> 8U); }
    [[nodiscard]] constexpr std::uint8_t sw2() const { return static_cast<std::uint8_t>(value_ & 0xFFU); }
    /// 9000 or 61xx: the command was carried out.
    [[nodiscard]] constexpr bool ok() const { return value_ == 0x9000 || sw1() == 0x61; }

    friend constexpr auto operator<=>(StatusWord, StatusWord) = default;

private:
    std::uint16_t value_;
};

namespace sw {
inline constexpr StatusWord success{0x9000};
inline constexpr StatusWord memory_failure{0x6581};
inline constexpr StatusWord wrong_length{0x6700};
inline constexpr StatusWord logical_channel_not_supported{0x6881};
inline constexpr StatusWord secure_messaging_not_supported{0x6882};
inline constexpr StatusWord last_command_of_chain_expected{0x6883};
inline constexpr StatusWord command_chaining_not_supported{0x6884};
inline constexpr StatusWord security_status_not_satisfied{0x6982};
inline constexpr StatusWord authentication_method_blocked{0x6983};
inline constexpr StatusWord reference_data_not_usable{0x6984};
inline constexpr StatusWord conditions_of_use_not_satisfied{0x6985};
inline constexpr StatusWord command_not_allowed{0x6986};
inline constexpr StatusWord incorrect_data{0x6A80};
inline constexpr StatusWord function_not_supported{0x6A81};
inline constexpr StatusWord file_or_application_not_found{0x6A82};
inline constexpr StatusWord not_enough_memory{0x6A84};
inline constexpr StatusWord incorrect_p1_p2{0x6A86};
inline constexpr StatusWord referenced_data_not_found{0x6A88};
inline constexpr StatusWord wrong_p1_p2{0x6B00};
inline constexpr StatusWord instruction_not_supported{0x6D00};
inline constexpr StatusWord class_not_supported{0x6E00};
inline constexpr StatusWord no_precise_diagnosis{0x6F00};

/// 63Cx: verification failed, `tries` (0 to 15) further ones are allowed.
[[nodiscard]] constexpr StatusWord verification_failed(std::uint8_t tries) {
    return StatusWord{0x63, static_cast<std::uint8_t>(0xC0U | (tries & 0x0FU))};
}
/// 61xx: `count` bytes wait for GET RESPONSE; 256 or more are announced as 00.
[[nodiscard]] constexpr StatusWord bytes_available(std::size_t count) {
    return StatusWord{0x61, static_cast<std::uint8_t>(count >= 256 ? 0 : count)};
}
} // namespace sw

/// The meaning in a few words ("security status not satisfied", "wrong, 2 tries left"); never empty.
[[nodiscard]] std::string describe(StatusWord status);

/// Four upper-case hexadecimal digits.
[[nodiscard]] std::string to_string(StatusWord status);

} // namespace cardrig::apdu
