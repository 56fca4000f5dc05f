// A card's configuration as one line of JSON: what a card image keeps of it.
#pragma once

#include "emulator/card_config.h"

#include <nlohmann/json_fwd.hpp>

namespace cardrig::emulator {

/// All of it, in JSON's own types; words are those of profiles, durations are whole microseconds.
[[nodiscard]] nlohmann::json config_to_json(const CardConfig& config);

/// Reads what config_to_json() wrote: every part is wanted. With `first_version`, the parts that images of
/// version 1 did not have yet are as such cards were: PUT DATA buffered, objects of up to 16,384 bytes, no
/// global passcode, no extensions, no timing. Fails on anything else, and on what config_fault() finds.
[[nodiscard]] Result<CardConfig> config_from_json(const nlohmann::json& json, bool first_version);

} // namespace cardrig::emulator
