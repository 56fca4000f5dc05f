// The commands that one family of key tokens (YubiKey) has beyond SP 800-73-4, as values: decoded once, as
// those of the standard are in emulator/piv/commands.h. Their source is the maker's public documentation
// (PIV, "Yubico extensions", and the PIV APDU pages of the SDK's manual).
#pragma once

#include "emulator/key_parts.h"
#include "emulator/piv/commands.h"

#include <cstdint>
#include <optional>
#include <variant>

namespace cardrig::emulator::piv::yubico {

struct GetVersion {};
struct GetSerial {};

/// A key reference, or the passcode (80), the unblocking code (81), the management key (9B).
struct GetMetadata {
    std::uint8_t reference = 0;
};

struct Attest {
    KeyReference key = 0;
};

struct ImportKey {
    struct Parameters {
        /// As the algorithm asks: factors and their like, or a private number of the field's length.
        std::variant<RsaParts, Bytes> key;
        std::uint8_t passcode_policy = 0; ///< as StoredKey::passcode_policy
    };
    KeyReference key = 0;
    Algorithm algorithm = Algorithm::rsa2048;
    Decoded<Parameters> parameters;
};

struct SetPinRetries {
    Decoded<RetryLimits> limits;
};

struct SetManagementKey {
    struct Parameters {
        Algorithm algorithm = Algorithm::triple_des;
        Bytes key;
    };
    bool asks_for_touch = false;
    Decoded<Parameters> parameters;
};

struct ResetPiv {};

struct MoveKey {
    KeyReference from = 0;
    KeyReference to = 0;
};

struct DeleteKey {
    KeyReference key = 0;
};

using Command = std::variant<GetVersion, GetSerial, GetMetadata, Attest, ImportKey, SetPinRetries,
                             SetManagementKey, ResetPiv, MoveKey, DeleteKey>;

/// Whether the card has a command of this instruction here: extensions have to be on, and new enough.
[[nodiscard]] bool has_command(const PivConfig& config, std::uint8_t instruction);

/// One whole command of an instruction that has_command() knows.
[[nodiscard]] Decoded<Command> decode(const PivConfig& config, const apdu::CommandApdu& command);

/// As piv::chain_policy.
[[nodiscard]] std::optional<ChainPolicy> chain_policy(std::uint8_t instruction);

} // namespace cardrig::emulator::piv::yubico
