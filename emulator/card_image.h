// A card saved whole: what it is (CardConfig) and its memory.
//
// File format, version 1: one line "cardrig card image 1\n"; one line of JSON, the configuration; one line of
// the memory's SHA-256 over configuration line and raw memory, in hex; then the memory, deflated (zlib).
#pragma once

#include "emulator/card_config.h"

namespace cardrig::emulator {

struct CardImage {
    CardConfig config;
    Bytes memory; ///< config.geometry.size() bytes

    [[nodiscard]] Bytes serialize() const;
    /// Refuses what is foreign, truncated, damaged or of a version it does not know, each by name.
    [[nodiscard]] static Result<CardImage> parse(ByteView file);
};

} // namespace cardrig::emulator
