#include "apdu/bytes.h"

#include "apdu/printable.h"

#include <fmt/format.h>

namespace cardrig::apdu {

namespace {

int digit_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

bool separates_pairs(char c) {
    return c == ' ' || c == ':' || c == '\t' || c == '\n' || c == '\r';
}

} // namespace

std::string to_hex(ByteView bytes) {
    static constexpr std::string_view digits = "0123456789ABCDEF";
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const std::uint8_t byte : bytes) {
        text += digits[byte >> 4U];
        text += digits[byte & 0x0FU];
    }
    return text;
}

Result<Bytes> from_hex(std::string_view text) {
    Bytes bytes;
    bytes.reserve(text.size() / 2);
    for (std::size_t i = 0; i < text.size();) {
        if (separates_pairs(text[i])) {
            ++i;
            continue;
        }
        const int high = digit_value(text[i]);
        if (high < 0) {
            return failure(
                fmt::format("'{}' at offset {} is no hexadecimal digit", printable(text.substr(i, 1)), i));
        }
        if (i + 1 == text.size() || separates_pairs(text[i + 1])) {
            return failure(fmt::format("half a byte at offset {}", i));
        }
        const int low = digit_value(text[i + 1]);
        if (low < 0) {
            return failure(fmt::format("'{}' at offset {} is no hexadecimal digit",
                                       printable(text.substr(i + 1, 1)), i + 1));
        }
        bytes.push_back(static_cast<std::uint8_t>(high * 16 + low));
        i += 2;
    }
    return bytes;
}

} // namespace cardrig::apdu
