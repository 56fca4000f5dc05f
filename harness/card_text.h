// A card's state as text for people and as JSON for programs. No secret is in either.
#pragma once

#include "emulator/inspection.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace cardrig::harness {

/// Some lines; `now` is what days left count from.
[[nodiscard]] std::string card_text(const emulator::CardImage& image, const emulator::CardState& state,
                                    std::chrono::sys_seconds now);

/// Keys in words with hyphens, dates in RFC 3339, hashes and numbers of certificates in upper-case hex.
[[nodiscard]] nlohmann::json card_json(const emulator::CardImage& image, const emulator::CardState& state,
                                       std::chrono::sys_seconds now);

/// A certificate alone, in the form that card_json uses.
[[nodiscard]] nlohmann::json certificate_json(const emulator::CertificateState& certificate);

/// When the use of a key needs VERIFY, by SlotState::passcode_policy: "default", "never", "once", "always".
[[nodiscard]] std::string_view policy_text(std::uint8_t policy);

/// A data object's name, or its tag in hex.
[[nodiscard]] std::string object_text(apdu::Tag tag);

/// "9A"
[[nodiscard]] std::string key_reference_text(emulator::piv::KeyReference reference);

} // namespace cardrig::harness
