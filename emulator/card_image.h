// A card saved whole: what it is (CardConfig) and its memory.
//
// File format, version 2: one line "cardrig card image 2"; one line of JSON, {"card": the configuration,
// "weak-bits": {"count": of bytes with weak bits, "state": 16 hex digits}}; one line with the SHA-256, in
// upper-case hex, of the line of JSON (with its newline) and the deflated part, a blank, and the deflated
// part's number of bytes; then that part, deflated (zlib, RFC 1950), to the end of the file: the memory, and
// for each byte with weak bits its offset (four bytes, big-endian, ascending) and their mask (one byte). The
// digest covers the file's bytes rather than the memory, so that damage is seen before anything is inflated
// or believed.
//
// Version 1, still read, had the configuration alone in its line of JSON, with fewer parts (see
// card_config_text.h), and the memory alone after it.
#pragma once

#include "emulator/card_config.h"

#include <string_view>

namespace cardrig::emulator {

/// What every version of the format begins with.
inline constexpr std::string_view card_image_magic = "cardrig card image ";

struct CardImage {
    CardConfig config;
    Bytes memory; ///< config.geometry.size() bytes
    /// Bits of the memory that a power cut left without a value; they lie in it.
    WeakBits weak{};

    [[nodiscard]] Bytes serialize() const;
    /// Refuses what is foreign, truncated, damaged or of a version it does not know, each by name.
    [[nodiscard]] static Result<CardImage> parse(ByteView file);
    /// Whether a file begins as an image does, of whatever version; also where it ends before that can be
    /// told, even at once: then it is what is left of one.
    [[nodiscard]] static bool begins_like_one(ByteView file);
};

} // namespace cardrig::emulator
