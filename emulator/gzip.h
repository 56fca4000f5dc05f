// Gzip files (RFC 1952), as certificates may lie on a card.
#pragma once

#include "apdu/bytes.h"

#include <cstddef>
#include <optional>

namespace cardrig::emulator {

using apdu::Bytes;
using apdu::ByteView;

/// The content of a file of one member, and nothing after it. None where it is damaged, cut short, or grows
/// beyond `longest` bytes; no more than that is ever held.
[[nodiscard]] std::optional<Bytes> gunzip(ByteView file, std::size_t longest);

} // namespace cardrig::emulator
