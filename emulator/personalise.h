// Makes a card: memory laid out and filled with what its issuer puts there.
#pragma once

#include "apdu/ber_tlv.h"
#include "emulator/card_config.h"
#include "emulator/card_image.h"
#include "emulator/environment.h"
#include "emulator/piv/piv_memory.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace cardrig::emulator {

/// A key pair with the certificate that goes into its slot.
struct PersonalisedKey {
    piv::KeyReference reference = piv::authentication_key;
    PrivateKey key;
    Bytes certificate; ///< DER; empty for none
    /// As StoredKey::passcode_policy: 0 as the slot's default; 1 never, 2 once, 3 always.
    std::uint8_t passcode_policy = 0;
};

/// Everything that an issuer decides.
struct CardSpec {
    CardConfig config;
    std::string passcode = "123456";
    std::string unblocking_code = "12345678";
    /// Needed where config.piv.global_passcode is there.
    std::optional<std::string> global_passcode;
    /// 0 to the rules' tries; none: as many as the rules have.
    std::optional<std::uint8_t> passcode_tries_left;
    std::optional<std::uint8_t> unblocking_code_tries_left;
    std::optional<std::uint8_t> global_passcode_tries_left;
    Algorithm management_algorithm = Algorithm::triple_des;
    Bytes management_key; ///< key_size(management_algorithm) bytes
    std::array<std::uint8_t, 16> guid{};
    std::chrono::sys_days expires; ///< the CHUID's expiration date
    std::vector<PersonalisedKey> keys;
    /// Further data objects by tag: what stands inside 53, 7E or 7F61. They replace those that the card would
    /// get otherwise; an empty one leaves such an object away.
    std::map<apdu::Tag, Bytes> objects;
};

/// Fails where the specification contradicts itself (a passcode that breaks the card's own rules, a key that
/// the card has no algorithm for, more than the memory holds), saying what. No message holds a secret.
[[nodiscard]] Result<CardImage> personalise(const CardSpec& spec);

} // namespace cardrig::emulator
