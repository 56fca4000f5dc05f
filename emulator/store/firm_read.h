// Reading memory whose last write may have been cut.
//
// A cell that was cut while it was programmed can read as 0 now and as 1 later. One look at such a page may
// show exactly what was hoped for, and the next one not. What recovery relies on is therefore read many
// times.
#pragma once

#include "emulator/nvm.h"

#include <cstdint>
#include <optional>

namespace cardrig::emulator::store {

/// One undecided bit survives this unnoticed once in two thousand million.
inline constexpr int firm_reads = 32;

/// What the memory says, if it says the same each time.
[[nodiscard]] std::optional<Bytes> read_firm(const Nvm& nvm, std::uint32_t offset, std::uint32_t size);

/// Whether the memory says this each time.
[[nodiscard]] bool holds_firmly(const Nvm& nvm, std::uint32_t offset, ByteView expected);

} // namespace cardrig::emulator::store
