// Small records as they lie in memory: numbers in little-endian order, sealed with a CRC-32.
#pragma once

#include "apdu/bytes.h"

#include <cstdint>
#include <optional>

namespace cardrig::emulator::store {

using apdu::Bytes;
using apdu::ByteView;

/// CRC-32 as in zlib; `crc` carries on from an earlier piece. The CRC of nothing is 0 and that
/// of four FF is FF FF FF FF, so a record needs a magic number too.
[[nodiscard]] std::uint32_t crc32(ByteView bytes, std::uint32_t crc = 0);

void append_u32(Bytes& bytes, std::uint32_t value);
/// `offset + 4` lies within `bytes`.
[[nodiscard]] std::uint32_t u32_at(ByteView bytes, std::size_t offset);

/// `content` with its CRC behind it.
[[nodiscard]] Bytes seal(Bytes content);
/// Whether the last four bytes are the CRC of those before them.
[[nodiscard]] bool is_sealed(ByteView record);

} // namespace cardrig::emulator::store
