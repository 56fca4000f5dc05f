#include "harness/redaction.h"

#include <algorithm>

namespace cardrig::harness {

namespace {

constexpr std::size_t header_size = 4;

} // namespace

std::string show_command(apdu::ByteView bytes, const apdu::DecodedCommand& decoded, bool show_secrets) {
    const bool malformed = decoded.name == "malformed";
    const bool secret = decoded.command_secret || malformed;
    if (show_secrets || !secret || bytes.size() <= header_size + 1) {
        return apdu::to_hex(bytes);
    }
    // ISO/IEC 7816-3, 12.1.3: Lc is one byte, or 00 and two bytes.
    const bool extended = bytes[header_size] == 0 && bytes.size() >= header_size + 3;
    const std::size_t shown = malformed ? header_size : header_size + (extended ? 3U : 1U);
    return apdu::to_hex(bytes.first(std::min(shown, bytes.size()))) + "..";
}

std::string show_response(apdu::ByteView bytes, const apdu::DecodedCommand& decoded, bool show_secrets) {
    if (show_secrets || !decoded.response_secret || bytes.size() <= 2) {
        return apdu::to_hex(bytes);
    }
    return ".." + apdu::to_hex(bytes.last(2));
}

} // namespace cardrig::harness
