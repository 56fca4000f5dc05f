// What model and course of a card share: rules of the standard, in the model's own words.
#pragma once

#include "apdu/ber_tlv.h"
#include "emulator/card_config.h"
#include "tests/fuzz/card_model.h"

#include <cstdint>
#include <string>

namespace fuzz {

inline constexpr std::uint8_t global_passcode_reference = 0x00;
inline constexpr std::uint8_t passcode_reference = 0x80;
inline constexpr std::uint8_t unblocking_code_reference = 0x81;
inline constexpr std::uint8_t attestation_reference = 0xF9;

inline void promise(bool holds, const std::string& what) {
    if (!holds) {
        throw BrokenPromise(what);
    }
}

/// SP 800-73-4 part 1, table 3; tokens with extensions keep objects of their own.
inline bool is_piv_object(const emulator::PivConfig& config, cardrig::apdu::Tag tag) {
    return tag == 0x7E || tag == 0x7F61 || (tag >= 0x5FC101 && tag <= 0x5FC123 && tag != 0x5FC104) ||
           (config.yubico && tag >= 0x5FFF00 && tag <= 0x5FFFFF);
}

/// What a key asks of the holder, where its own policy is `stored`: SP 800-73-4 part 1, table 4b.
inline std::uint8_t policy_of(std::uint8_t reference, std::uint8_t stored) {
    constexpr std::uint8_t never = 1;
    constexpr std::uint8_t once = 2;
    constexpr std::uint8_t always = 3;
    if (stored != 0) {
        return stored;
    }
    const bool free = reference == 0x9E || reference == attestation_reference;
    return reference == 0x9C ? always : free ? never : once;
}

} // namespace fuzz
