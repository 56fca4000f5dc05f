// What a card is, apart from what its memory holds: fixed when it is made, kept in its image.
#pragma once

#include "apdu/bytes.h"
#include "emulator/algorithm.h"
#include "emulator/nvm.h"
#include "emulator/object_store.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
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

/// How PUT DATA treats the blocks of a chain.
enum class PutDataMode : std::uint8_t {
    buffered, ///< kept in RAM until the last block is there, then written as one
    streamed, ///< written as they come: the old content is gone with the first block, and the object counts
              ///< as absent until the last one is there
};

/// The commands and objects that one family of key tokens has beyond the standard.
struct YubicoExtensions {
    std::array<std::uint8_t, 3> firmware{5, 4, 3}; ///< from 5.7.0 keys can be moved and deleted
    std::uint32_t serial = 0;
    friend bool operator==(const YubicoExtensions&, const YubicoExtensions&) = default;
};

struct PivConfig {
    PasscodeRules passcode;
    PasscodeRules unblocking_code{8, 8, false, 3};
    /// The card's global passcode (key reference 00), where the application takes it, too (SP 800-73-4 part
    /// 1, 3.3.2).
    std::optional<PasscodeRules> global_passcode;
    /// Whether the discovery object asks hosts to use the global passcode rather than the application's own.
    bool prefers_global_passcode = false;
    /// Key pairs that GENERATE makes and GENERAL AUTHENTICATE uses.
    std::vector<Algorithm> algorithms{Algorithm::rsa2048, Algorithm::p256};
    /// Whether a signature with 9C needs VERIFY as the very last command before it, or only one VERIFY for
    /// each signature (SP 800-73-4 part 1, table 4b; most cards are lenient).
    bool strict_signature_passcode = false;
    PutDataMode put_data = PutDataMode::buffered;
    /// The longest command data that PUT DATA takes, in bytes, tag list included: 256 to 65,535. More is
    /// answered 6A84.
    std::uint32_t longest_object = 16'384;
    std::optional<YubicoExtensions> yubico;
    friend bool operator==(const PivConfig&, const PivConfig&) = default;
};

/// How long the card is busy; all 0 for a card that answers at once. Waited for through Clock alone.
struct Timing {
    std::chrono::microseconds command{0};                    ///< each command
    std::chrono::microseconds byte{0};                       ///< each byte of a command or an answer
    std::chrono::microseconds memory_write{0};               ///< each write of a page
    std::map<Algorithm, std::chrono::microseconds> generate; ///< a key pair
    std::map<Algorithm, std::chrono::microseconds> use;      ///< a key pair's or a symmetric key's operation
    friend bool operator==(const Timing&, const Timing&) = default;
};

struct CardConfig {
    std::string profile; ///< the name of the profile that it was made from
    /// Where it offers no other protocol, the card speaks T=0 (ISO/IEC 7816-3, 8.2.3).
    apdu::Bytes atr;
    NvmGeometry geometry;
    Protection protection = Protection::journal;
    PivConfig piv;
    Timing timing;
    friend bool operator==(const CardConfig&, const CardConfig&) = default;
};

} // namespace cardrig::emulator
