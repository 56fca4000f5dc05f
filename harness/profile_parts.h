// Parts of a profile's YAML, each read by the one file that knows it; for profile_reader.cpp alone.
#pragma once

#include "emulator/personalise.h"
#include "harness/profile_reader.h"
#include "harness/yaml.h"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace cardrig::harness {

/// One line of 1 to `longest` characters; `value` is where it stands.
[[nodiscard]] std::string read_line(const YamlValue& value, const std::string& text, std::size_t longest);

/// Whether the word `none` stands there.
[[nodiscard]] bool is_none(const YamlValue& value);

/// A key pair's algorithm by its word.
[[nodiscard]] emulator::Algorithm read_key_pair_algorithm(const YamlValue& value);

/// Passcodes and management key: the keys `passcode`, `unblocking-code`, `global-passcode`,
/// `strict-signature-passcode`, `management-key`.
void read_codes(YamlMapping& mapping, emulator::CardSpec& card);

/// What stands behind `memory`.
void read_memory(const YamlValue& value, emulator::CardConfig& config);

/// What `timing: real` stands for.
[[nodiscard]] emulator::Timing real_timing();
/// What stands behind `timing`.
[[nodiscard]] emulator::Timing read_timing(const YamlValue& value);

/// What stands behind `yubico`.
[[nodiscard]] emulator::YubicoExtensions read_yubico(const YamlValue& value);

/// What stands behind `objects`. What the card can do and its certificates are read before.
void read_objects(const YamlValue& value, Profile& profile);

/// What stands behind `printed-information`; none where it says false. The holder is read before.
[[nodiscard]] std::optional<PrintedInformationProfile> read_printed_information(const YamlValue& value,
                                                                                const Profile& profile);

} // namespace cardrig::harness
