// The encodings of EST (RFC 7030): base64 bodies, and certificates in a CMS message that signs nothing.
#pragma once

#include "apdu/bytes.h"
#include "apdu/result.h"

#include <string>
#include <string_view>
#include <vector>

namespace cardrig::harness {

/// Lines of 64 characters, each with its line feed.
[[nodiscard]] std::string base64_lines(apdu::ByteView bytes);
/// Blanks and line ends anywhere; fails on any other character, and where padding is missing or in the
/// middle.
[[nodiscard]] apdu::Result<apdu::Bytes> from_base64_lines(std::string_view text);

/// A degenerate SignedData with these certificates, in order (RFC 5652, 5.1; "certs-only" in RFC 8551, 3.8).
/// Throws std::runtime_error where one of them is no certificate.
[[nodiscard]] apdu::Bytes certificates_only(const std::vector<apdu::Bytes>& certificates);

} // namespace cardrig::harness
