#include "apdu/ber_tlv.h"

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

void append_tag(Bytes& out, Tag tag) {
    const std::array<std::uint8_t, sizeof tag> spelled{
        static_cast<std::uint8_t>(tag >> 24U), static_cast<std::uint8_t>(tag >> 16U & 0xFFU),
        static_cast<std::uint8_t>(tag >> 8U & 0xFFU), static_cast<std::uint8_t>(tag & 0xFFU)};
    const std::size_t zeros = tag == 0 ? sizeof tag - 1 : static_cast<std::size_t>(std::countl_zero(tag)) / 8;
    const ByteView bytes = ByteView(spelled).subspan(zeros);
    const auto read = read_tag(bytes);
    if (!read || read->second != bytes.size()) {
        throw std::invalid_argument(fmt::format("{:X} is no tag", tag));
    }
    out.insert(out.end(), bytes.begin(), bytes.end());
}

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
    append_tag(out, tag);
    const auto length = static_cast<std::uint32_t>(value.size());
    if (length >= 0x80) {
        const unsigned length_bytes =
            length > 0xFFFFFFU ? 4U : (length > 0xFFFFU ? 3U : (length > 0xFFU ? 2U : 1U));
        out.push_back(static_cast<std::uint8_t>(0x80U | length_bytes));
        for (unsigned shift = (length_bytes - 1) * 8; shift != 0; shift -= 8) {
            out.push_back(static_cast<std::uint8_t>(length >> shift & 0xFFU));
        }
    }
    out.push_back(static_cast<std::uint8_t>(length & 0xFFU));
    out.insert(out.end(), value.begin(), value.end());
}

Bytes make_tlv(Tag tag, ByteView value) {
    Bytes bytes;
    bytes.reserve(value.size() + 8);
    append_tlv(bytes, tag, value);
    return bytes;
}

Bytes encode_tag(Tag tag) {
    Bytes bytes;
    append_tag(bytes, tag);
    return bytes;
}

} // namespace cardrig::apdu
