// A card saved whole: what it is (CardConfig) and its memory.
//
// File format, version 1: one line "cardrig card image 1"; one line of JSON, the configuration; one line with
// the SHA-256, in upper-case hex, of the configuration line (with its newline) and the deflated memory, a
// blank, and the deflated memory's number of bytes; then the memory, deflated (zlib, RFC 1950), to the end of
// the file. The digest covers the file's bytes rather than the memory, so that damage is seen before anything
// is inflated or believed.
#pragma once

#include "emulator/card_config.h"

#include <string_view>

namespace cardrig::emulator {

/// What every version of the format begins with.
inline constexpr std::string_view card_image_magic = "cardrig card image ";

struct CardImage {
    CardConfig config;
    Bytes memory; ///< config.geometry.size() bytes

    [[nodiscard]] Bytes serialize() const;
    /// Refuses what is foreign, truncated, damaged or of a version it does not know, each by name.
    [[nodiscard]] static Result<CardImage> parse(ByteView file);
    /// Whether a file begins as an image does, of whatever version.
    [[nodiscard]] static bool begins_like_one(ByteView file);
};

} // namespace cardrig::emulator
