// BER-TLV data objects (ISO/IEC 7816-4, 5.2.2 and annex E): tags of one to three bytes, definite lengths of
// one to four bytes.
#pragma once

#include "apdu/bytes.h"
#include "apdu/result.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace cardrig::apdu {

/// A tag as the number that its bytes spell: 0x53, 0x5F2F, 0x7F49, 0x5FC105.
using Tag = std::uint32_t;

/// One data object inside somebody else's bytes; valid as long as they are.
struct TlvView {
    Tag tag = 0;
    ByteView value;
};

/// What stands in front of a value.
struct TlvHeader {
    Tag tag = 0;
    std::uint32_t length = 0; ///< of the value; it may be longer than the bytes at hand
    std::size_t size = 0;     ///< of tag and length together
};

/// Reads tag and length at the front of `bytes`, for objects that arrive in pieces. Fails as take_tlv does,
/// but for a value that is not all there.
[[nodiscard]] Result<TlvHeader> read_tlv_header(ByteView bytes);

/// Takes the first data object off the front of `bytes`. Fails, leaving `bytes` alone, on a truncated one, on
/// an indefinite length (80), on lengths of more than four bytes, on tags of more than three, and on tags
/// whose second byte the standard forbids.
[[nodiscard]] Result<TlvView> take_tlv(ByteView& bytes);

/// Reads all data objects side by side; fails if any byte is left over.
[[nodiscard]] Result<std::vector<TlvView>> parse_tlvs(ByteView bytes);

/// The value of the first object with this tag, not looking inside others.
[[nodiscard]] std::optional<ByteView> find_tlv(const std::vector<TlvView>& objects, Tag tag);

/// Appends an object with the shortest length form.
void append_tlv(Bytes& out, Tag tag, ByteView value);
[[nodiscard]] Bytes make_tlv(Tag tag, ByteView value);
/// The bytes of a tag as they stand on the wire: one to three. This and the two above throw
/// std::invalid_argument for a number that spells no tag (0x5F, 0x1234, 0x01000000).
[[nodiscard]] Bytes encode_tag(Tag tag);

} // namespace cardrig::apdu
