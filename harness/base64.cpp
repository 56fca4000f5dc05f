#include "harness/base64.h"

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::size_t group = 4;

} // namespace

std::string to_base64(apdu::ByteView bytes) {
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * group);
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        std::uint32_t bits = 0;
        for (std::size_t i = 0; i < 3; ++i) {
            bits = bits << 8U | (at + i < bytes.size() ? bytes[at + i] : 0U);
        }
        const std::size_t there = bytes.size() - at;
        text.push_back(alphabet[bits >> 18U & 0x3FU]);
        text.push_back(alphabet[bits >> 12U & 0x3FU]);
        text.push_back(there > 1 ? alphabet[bits >> 6U & 0x3FU] : '=');
        text.push_back(there > 2 ? alphabet[bits & 0x3FU] : '=');
    }
    return text;
}

apdu::Result<apdu::Bytes> from_base64(std::string_view text) {
    if (text.size() % group != 0) {
        return apdu::failure("no base64: its length is no multiple of four characters");
    }
    const std::size_t padding = text.ends_with("==") ? 2U : text.ends_with('=') ? 1U : 0U;
    apdu::Bytes bytes;
    bytes.reserve(text.size() / group * 3);
    std::uint32_t bits = 0;
    for (std::size_t at = 0; at < text.size() - padding; ++at) {
        const std::size_t value = alphabet.find(text[at]);
        if (value == std::string_view::npos) {
            return apdu::failure(fmt::format("no base64: character {} is none of its alphabet", at + 1));
        }
        bits = bits << 6U | static_cast<std::uint32_t>(value);
        // The first character of a group completes no byte, each other one does.
        const std::size_t place = at % group;
        if (place != 0) {
            const std::size_t left = 6 - 2 * place;
            bytes.push_back(static_cast<std::uint8_t>(bits >> left));
            bits &= (1U << left) - 1;
        }
    }
    if (bits != 0) {
        return apdu::failure("no base64: bits are left over at its end");
    }
    return bytes;
}

} // namespace cardrig::harness
