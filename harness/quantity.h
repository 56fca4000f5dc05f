// Numbers with a unit in a profile: "64 KiB", "90 us".
#pragma once

#include "harness/yaml.h"

#include <chrono>
#include <cstdint>

namespace cardrig::harness {

/// "64 KiB", "1 MiB", "4096 bytes": 0 to 4 GiB. Refuses anything else at its place.
[[nodiscard]] std::uint32_t read_size(const YamlValue& value);

/// How long something takes: "90 us", "5 ms", "7 s", "1 minute"; 0 to emulator::longest_wait. Refuses
/// anything else at its place.
[[nodiscard]] std::chrono::microseconds read_wait(const YamlValue& value);

} // namespace cardrig::harness
