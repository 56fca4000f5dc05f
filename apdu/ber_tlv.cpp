#include "apdu/ber_tlv.h"

#include <algorithm>
#include <array>
#include <bit>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace cardrig::apdu {

namespace {

constexpr std::size_t longest_tag = 3;
constexpr std::size_t longest_length = 4;

bool more_tag_bytes_follow(std::uint8_t byte, std::size_t index) {
    return index == 0 ? (byte & 0x1FU) == 0x1F : (byte & 0x80U) != 0;
}

/// ISO/IEC 7816-4, 5.2.2.1: 00 to 1E would be a tag that fits one byte, 80 one that is padded.
bool is_forbidden_second_byte(std::uint8_t byte) {
    return byte < 0x1F || byte == 0x80;
}

/// Reads a tag and says how many bytes it took.
Result<std::pair<Tag, std::size_t>> read_tag(ByteView bytes) {
    Tag tag = 0;
    for (std::size_t i = 0; i < longest_tag; ++i) {
        if (i == bytes.size()) {
            return failure("a data object's tag is cut off");
        }
        if (i == 1 && is_forbidden_second_byte(bytes[i])) {
            return failure(fmt::format("{} is no tag", to_hex(bytes.first(2))));
        }
        tag = tag << 8U | bytes[i];
        if (!more_tag_bytes_follow(bytes[i], i)) {
            return std::pair{tag, i + 1};
        }
    }
    return failure(fmt::format("tag {}... has more than three bytes", to_hex(bytes.first(longest_tag))));
}

/// Whether these are the bytes of one tag, no more and no fewer.
bool spells_tag(ByteView bytes) {
    if (bytes.size() > longest_tag || (bytes.size() > 1 && is_forbidden_second_byte(bytes[1]))) {
        return false;
    }
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (more_tag_bytes_follow(bytes[i], i) != (i + 1 < bytes.size())) {
            return false;
        }
    }
    return true;
}

/// How many bytes a number takes without leading zeros; at least one.
unsigned bytes_of(std::uint32_t value) {
    return std::max(1U, (39U - static_cast<unsigned>(std::countl_zero(value))) / 8U);
}

/// Tag and length as they are put together, without a trip to the heap.
class Header {
public:
    explicit Header(Tag tag) {
        append_number(tag, bytes_of(tag));
        if (!spells_tag(bytes())) {
            throw std::invalid_argument(fmt::format("{:X} is no tag", tag));
        }
    }
    void append_number(std::uint32_t value, unsigned bytes) {
        for (unsigned shift = bytes * 8; shift != 0; shift -= 8) {
            bytes_.at(size_++) = static_cast<std::uint8_t>(value >> (shift - 8) & 0xFFU);
        }
    }
    [[nodiscard]] ByteView bytes() const { return ByteView(bytes_).first(size_); }

private:
    std::array<std::uint8_t, sizeof(Tag) + 1 + longest_length> bytes_{};
    std::size_t size_ = 0;
};

} // namespace

Result<TlvHeader> read_tlv_header(ByteView bytes) {
    const auto tag = read_tag(bytes);
    if (!tag) {
        return tl::make_unexpected(tag.error());
    }
    const ByteView rest = bytes.subspan(tag->second);
    if (rest.empty()) {
        return failure(fmt::format("data object {:X} has no length", tag->first));
    }
    if (rest[0] < 0x80) {
        return TlvHeader{tag->first, rest[0], tag->second + 1};
    }
    // ISO/IEC 7816-4, 5.2.2.2: 80 is not used here, 85 and above are invalid.
    const std::size_t length_bytes = rest[0] & 0x7FU;
    if (length_bytes == 0 || length_bytes > longest_length) {
        return failure(fmt::format("data object {:X} has a length that begins {:02X}", tag->first, rest[0]));
    }
    if (rest.size() - 1 < length_bytes) {
        return failure(fmt::format("the length of data object {:X} is cut off", tag->first));
    }
    std::uint32_t length = 0;
    for (const std::uint8_t byte : rest.subspan(1, length_bytes)) {
        length = length << 8U | byte;
    }
    return TlvHeader{tag->first, length, tag->second + 1 + length_bytes};
}

Result<TlvView> take_tlv(ByteView& bytes) {
    const Result<TlvHeader> header = read_tlv_header(bytes);
    if (!header) {
        return tl::make_unexpected(header.error());
    }
    const ByteView rest = bytes.subspan(header->size);
    if (rest.size() < header->length) {
        return failure(fmt::format("data object {:X} announces {} bytes, {} follow", header->tag,
                                   header->length, rest.size()));
    }
    bytes = rest.subspan(header->length);
    return TlvView{header->tag, rest.first(header->length)};
}

Result<std::vector<TlvView>> parse_tlvs(ByteView bytes) {
    std::vector<TlvView> objects;
    while (!bytes.empty()) {
        const Result<TlvView> object = take_tlv(bytes);
        if (!object) {
            return tl::make_unexpected(object.error());
        }
        objects.push_back(*object);
    }
    return objects;
}

std::optional<ByteView> find_tlv(const std::vector<TlvView>& objects, Tag tag) {
    for (const TlvView& object : objects) {
        if (object.tag == tag) {
            return object.value;
        }
    }
    return std::nullopt;
}

void append_tlv(Bytes& out, Tag tag, ByteView value) {
    if (value.size() > 0xFFFFFFFFU) {
        throw std::invalid_argument("a data object's value is longer than a length can say");
    }
    const auto length = static_cast<std::uint32_t>(value.size());
    Header header(tag);
    if (length >= 0x80) {
        header.append_number(0x80U | bytes_of(length), 1);
    }
    header.append_number(length, bytes_of(length));
    out.insert(out.end(), header.bytes().begin(), header.bytes().end());
    out.insert(out.end(), value.begin(), value.end());
}

Bytes make_tlv(Tag tag, ByteView value) {
    Bytes bytes;
    bytes.reserve(value.size() + 8);
    append_tlv(bytes, tag, value);
    return bytes;
}

Bytes encode_tag(Tag tag) {
    const Header header(tag);
    return {header.bytes().begin(), header.bytes().end()};
}

} // namespace cardrig::apdu
