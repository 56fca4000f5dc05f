#include "scenarios/clients/reference/containers.h"

#include "apdu/ber_tlv.h"

#include <zlib.h>

namespace cardrig::client {

namespace {

constexpr apdu::Tag certificate_tag = 0x70;
constexpr apdu::Tag info_tag = 0x71;
constexpr apdu::Tag error_detection_tag = 0xFE;
constexpr apdu::Tag guid_tag = 0x34;
constexpr std::size_t guid_size = 16;

/// Far more than any certificate has: a card is not to fill the memory.
constexpr std::size_t largest_inflated = 65'536;
constexpr int gzip_window = 15 + 16; // zlib: the largest window, and gzip's own header around the data

std::optional<apdu::Bytes> inflated(apdu::ByteView packed) {
    z_stream stream{};
    if (inflateInit2(&stream, gzip_window) != Z_OK) {
        return std::nullopt;
    }
    apdu::Bytes out(largest_inflated);
    stream.next_in = const_cast<Bytef*>(packed.data()); // zlib does not write to it
    stream.avail_in = static_cast<uInt>(packed.size());
    stream.next_out = out.data();
    stream.avail_out = static_cast<uInt>(out.size());
    const int result = inflate(&stream, Z_FINISH);
    out.resize(stream.total_out);
    inflateEnd(&stream);
    return result == Z_STREAM_END ? std::optional(std::move(out)) : std::nullopt;
}

} // namespace

std::optional<apdu::Bytes> certificate_in(apdu::ByteView content) {
    const auto objects = apdu::parse_tlvs(content);
    const auto certificate = objects ? apdu::find_tlv(*objects, certificate_tag) : std::nullopt;
    if (!certificate || certificate->empty()) {
        return std::nullopt;
    }
    const auto info = apdu::find_tlv(*objects, info_tag);
    // Bit 1 of it says that the certificate is packed.
    if (info && info->size() == 1 && (info->front() & 0x01U) != 0) {
        return inflated(*certificate);
    }
    return apdu::Bytes(certificate->begin(), certificate->end());
}

apdu::Bytes certificate_container(apdu::ByteView certificate) {
    apdu::Bytes content = apdu::make_tlv(certificate_tag, certificate);
    const apdu::Bytes as_it_is{0x00};
    apdu::append_tlv(content, info_tag, as_it_is);
    apdu::append_tlv(content, error_detection_tag, {});
    return content;
}

std::optional<std::string> guid_in(apdu::ByteView content) {
    const auto objects = apdu::parse_tlvs(content);
    const auto guid = objects ? apdu::find_tlv(*objects, guid_tag) : std::nullopt;
    return guid && guid->size() == guid_size ? std::optional(apdu::to_hex(*guid)) : std::nullopt;
}

} // namespace cardrig::client
