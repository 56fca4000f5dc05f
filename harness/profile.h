// Card profiles: the YAML from which a card is made.
#pragma once

#include "emulator/card_image.h"
#include "emulator/personalise.h"
#include "harness/test_authority.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cardrig::harness {

/// What a scenario or an option changes in a profile, by the profile's own keys: {"certificates.9A.expires",
/// "30 days"},
/// {"passcode.tries-left", "0"}.
using ProfileOverrides = std::map<std::string, std::string>;

struct Holder {
    std::string name;   ///< common name
    std::string number; ///< 12 digits
};

/// Who certifies a card's keys and draws its secrets, where that is not the profile's own test authority.
class CardIssuer {
public:
    CardIssuer() = default;
    CardIssuer(const CardIssuer&) = delete;
    CardIssuer& operator=(const CardIssuer&) = delete;
    virtual ~CardIssuer() = default;

    /// A certificate, DER. Throws as TestAuthority::issue() does.
    [[nodiscard]] virtual emulator::Bytes certify(const CertificateOrder& order) = 0;
    /// Derived from the card's GUID: as many bytes as the algorithm has, a key that the card takes.
    [[nodiscard]] virtual emulator::Bytes management_key(emulator::ByteView guid,
                                                         emulator::Algorithm algorithm) = 0;
    /// Derived likewise: eight digits.
    [[nodiscard]] virtual std::string unblocking_code(emulator::ByteView guid) = 0;
    /// Of the key that certifies.
    [[nodiscard]] virtual std::string certificate_pem() const = 0;
    [[nodiscard]] virtual std::string key_pem() const = 0;
};

/// A card just made, and what its issuer knows of it.
struct MadeCard {
    emulator::CardImage image;
    Holder holder;
    std::string passcode;
    std::string unblocking_code;
    std::string management_key; ///< hex
    emulator::Algorithm management_algorithm{};
    emulator::Bytes guid;               ///< of the CHUID, 16 bytes
    std::string issuer_certificate_pem; ///< the test authority that certified its keys
    std::string issuer_key_pem;
};

struct MakeOptions {
    ProfileOverrides overrides;
    std::chrono::sys_seconds now; ///< what relative dates count from
    bool fresh_keys = false;      ///< else the shipped test keys, always the same for one profile
    /// Tells cards of one profile apart, which else have the same keys and the same GUID.
    std::string identity = {};
    /// Then management key and unblocking code are its, too, where `overrides` do not set them.
    CardIssuer* issuer = nullptr;
    bool real_timing = false; ///< `timing: real` where neither the profile nor `overrides` say anything
};

/// `name_or_path`: a shipped profile ("piv-staff") or a YAML file. Throws RequestError with file, line and
/// column.
[[nodiscard]] MadeCard make_card(const std::string& name_or_path, const MakeOptions& options);

/// A card by what somebody typed: a shipped profile's name, a .yaml profile, or a card image. Throws
/// RequestError.
[[nodiscard]] emulator::CardImage open_card(const std::string& name_or_path, const MakeOptions& options);

/// Names of the profiles that come with the command.
[[nodiscard]] std::vector<std::string> shipped_profile_names();

} // namespace cardrig::harness
