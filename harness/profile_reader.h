// What a profile's YAML says, read into values; harness/profiles/README.md describes the language.
#pragma once

#include "emulator/personalise.h"
#include "harness/profile.h"
#include "harness/yaml.h"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace cardrig::harness {

struct CertificateProfile {
    emulator::piv::KeyReference reference = emulator::piv::authentication_key;
    emulator::Algorithm algorithm = emulator::Algorithm::rsa2048;
    std::chrono::seconds issued{};    ///< from the run's now
    std::chrono::seconds expires{};   ///< from the run's now, after `issued`
    std::uint8_t passcode_policy = 0; ///< of its key, as PersonalisedKey::passcode_policy
    std::string place;                ///< where it stands
    std::string issued_place;         ///< where to complain about `issued`
};

/// What the printed information object says (SP 800-73-4 part 1, table 14). Texts are in bytes.
struct PrintedInformationProfile {
    std::string name;                            ///< 1 to 125
    std::string affiliation;                     ///< 1 to 20
    std::optional<std::chrono::seconds> expires; ///< from the run's now; none: as the card
    std::string serial;                          ///< 1 to 10
    std::string issuer;                          ///< 1 to 15
};

struct Profile {
    std::string title;
    Holder holder;
    /// All but the key pairs, the printed information, the CHUID's date, and a GUID that the profile does not
    /// give.
    emulator::CardSpec card;
    bool guid_given = false;
    bool timing_given = false;
    std::chrono::seconds card_expires{};
    std::vector<CertificateProfile> certificates;
    std::optional<PrintedInformationProfile> printed_information;
    /// Where to complain about a memory that turns out too small.
    std::string memory_place;
};

/// `name` is what the card's configuration calls the profile, `file` what messages call it. Throws
/// RequestError.
[[nodiscard]] Profile read_profile(std::string_view yaml, const std::string& name, const std::string& file,
                                   const ProfileOverrides& overrides);

} // namespace cardrig::harness
