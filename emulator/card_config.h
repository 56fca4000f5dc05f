// What a card is, apart from what its memory holds: fixed when it is made, kept in its image.
#pragma once

#include "apdu/bytes.h"
#include "emulator/algorithm.h"
#include "emulator/nvm.h"
#include "emulator/object_store.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cardrig::emulator {

/// The rules for a passcode or an unblocking code. On the card both fill eight bytes, padded with FF (SP
/// 800-73-4 part 2, 2.4.3).
struct PasscodeRules {
    std::uint8_t min_length = 6; ///< 4 to 8
    std::uint8_t max_length = 8; ///< min_length to 8
    bool digits_only = true;
    std::uint8_t tries = 3; ///< 1 to 15: what the counter starts from
    friend bool operator==(const PasscodeRules&, const PasscodeRules&) = default;
};

struct PivConfig {
    PasscodeRules passcode;
    PasscodeRules unblocking_code{8, 8, false, 3};
    /// Key pairs that GENERATE makes and GENERAL AUTHENTICATE uses.
    std::vector<Algorithm> algorithms{Algorithm::rsa2048, Algorithm::p256};
    /// Whether a signature with 9C needs VERIFY as the very last command before it, or only one VERIFY for
    /// each signature (SP 800-73-4 part 1, table 4b; most cards are lenient).
    bool strict_signature_passcode = false;
    friend bool operator==(const PivConfig&, const PivConfig&) = default;
};

struct CardConfig {
    std::string profile; ///< the name of the profile that it was made from
    apdu::Bytes atr;
    NvmGeometry geometry;
    Protection protection = Protection::journal;
    PivConfig piv;
    friend bool operator==(const CardConfig&, const CardConfig&) = default;
};

} // namespace cardrig::emulator
