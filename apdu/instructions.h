// Instruction bytes of the commands that the project speaks or knows to hold secrets.
#pragma once

#include <cstdint>

namespace cardrig::apdu::ins {

// ISO/IEC 7816-4 and 7816-8; SP 800-73-4 part 2, table 2, has those of PIV.
inline constexpr std::uint8_t verify = 0x20;
inline constexpr std::uint8_t change_reference_data = 0x24;
inline constexpr std::uint8_t perform_security_operation = 0x2A;
inline constexpr std::uint8_t reset_retry_counter = 0x2C;
inline constexpr std::uint8_t generate_key_pair = 0x47;
inline constexpr std::uint8_t general_authenticate = 0x87;
inline constexpr std::uint8_t select = 0xA4;
inline constexpr std::uint8_t get_response = 0xC0;
inline constexpr std::uint8_t get_data = 0xCB;
inline constexpr std::uint8_t put_data = 0xDB;

// Of makers of PIV tokens.
inline constexpr std::uint8_t move_key = 0xF6;
inline constexpr std::uint8_t get_metadata = 0xF7;
inline constexpr std::uint8_t get_serial = 0xF8;
inline constexpr std::uint8_t attest = 0xF9;
inline constexpr std::uint8_t set_pin_retries = 0xFA;
inline constexpr std::uint8_t reset_piv = 0xFB;
inline constexpr std::uint8_t get_version = 0xFD;
inline constexpr std::uint8_t import_key = 0xFE;
inline constexpr std::uint8_t set_management_key = 0xFF;

} // namespace cardrig::apdu::ins
