// What stands in a card's data objects (SP 800-73-4 part 1, appendix A). A card may answer anything: nothing
// here trusts it.
#pragma once

#include "apdu/bytes.h"

#include <optional>
#include <string>

namespace cardrig::client {

/// The DER of a certificate object, inflated where it is packed with gzip. None where it is no such object.
[[nodiscard]] std::optional<apdu::Bytes> certificate_in(apdu::ByteView content);
/// The object for a certificate as it is.
[[nodiscard]] apdu::Bytes certificate_container(apdu::ByteView certificate);
/// The larger ones find no room in the buffers of this world's hosts and cards.
inline constexpr std::size_t largest_container = 3063;

/// The GUID of a cardholder unique identifier, 32 upper-case hexadecimal digits; none where there is none.
[[nodiscard]] std::optional<std::string> guid_in(apdu::ByteView content);

} // namespace cardrig::client
