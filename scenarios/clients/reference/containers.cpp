#include "scenarios/clients/reference/containers.h"

#include "apdu/ber_tlv.h"

#include <algorithm>

#include <zlib.h>

namespace cardrig::client {

namespace {

constexpr apdu::Tag certificate_tag = 0x70;
constexpr apdu::Tag info_tag = 0x71;
constexpr apdu::Tag error_detection_tag = 0xFE;
constexpr apdu::Tag guid_tag = 0x34;
constexpr std::size_t guid_size = 16;

constexpr apdu::Tag metadata_algorithm = 0x01;
constexpr apdu::Tag metadata_policies = 0x02; // of the passcode, of touching
constexpr apdu::Tag metadata_origin = 0x03;
constexpr apdu::Tag metadata_public_key = 0x04; // what stands in 7F49
constexpr apdu::Tag public_key_template = 0x7F49;

constexpr apdu::Tag note_renewal = 0x80;
constexpr apdu::Tag note_slots = 0x81;
constexpr apdu::Tag note_old_keys = 0x82;
constexpr apdu::Tag note_new_keys = 0x83;
constexpr std::size_t key_id_size = 32;

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

/// Without those of a kind that is not known here, whose names are longer.
apdu::Bytes bytes_of(const std::vector<std::string>& keys) {
    apdu::Bytes all;
    for (const std::string& key : keys) {
        const auto bytes = apdu::from_hex(key);
        if (bytes && bytes.value().size() == key_id_size) {
            all.insert(all.end(), bytes.value().begin(), bytes.value().end());
        }
    }
    return all;
}

/// None where the last one is not whole. An absent element has no keys.
std::optional<std::vector<std::string>> keys_in(std::optional<apdu::ByteView> bytes) {
    std::vector<std::string> keys;
    for (apdu::ByteView rest = bytes.value_or(apdu::ByteView{}); !rest.empty();
         rest = rest.subspan(key_id_size)) {
        if (rest.size() < key_id_size) {
            return std::nullopt;
        }
        keys.push_back(apdu::to_hex(rest.first(key_id_size)));
    }
    return keys;
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

std::optional<KeyMetadata> metadata_in(apdu::ByteView content) {
    const auto elements = apdu::parse_tlvs(content);
    if (!elements) {
        return std::nullopt;
    }
    const auto algorithm = apdu::find_tlv(*elements, metadata_algorithm);
    const auto policies = apdu::find_tlv(*elements, metadata_policies);
    const auto origin = apdu::find_tlv(*elements, metadata_origin);
    const auto key = apdu::find_tlv(*elements, metadata_public_key);
    if (!algorithm || algorithm->size() != 1 || !policies || policies->empty() || !origin ||
        origin->size() != 1 || !key) {
        return std::nullopt;
    }
    constexpr std::uint8_t generated = 1;
    return KeyMetadata{algorithm->front(), policies->front(), origin->front() == generated,
                       apdu::make_tlv(public_key_template, *key)};
}

apdu::Bytes work_note_container(const WorkNote& note) {
    const apdu::Bytes name(note.renewal.begin(), note.renewal.end());
    apdu::Bytes content = apdu::make_tlv(note_renewal, name);
    apdu::append_tlv(content, note_slots, note.slots);
    apdu::append_tlv(content, note_old_keys, bytes_of(note.old_keys));
    apdu::append_tlv(content, note_new_keys, bytes_of(note.new_keys));
    return content;
}

std::optional<WorkNote> work_note_in(apdu::ByteView content) {
    const auto elements = apdu::parse_tlvs(content);
    if (!elements) {
        return std::nullopt;
    }
    WorkNote note;
    const auto renewal = apdu::find_tlv(*elements, note_renewal);
    const auto slots = apdu::find_tlv(*elements, note_slots);
    if (!renewal || !slots || slots->size() != note.slots.size()) {
        return std::nullopt;
    }
    auto old_keys = keys_in(apdu::find_tlv(*elements, note_old_keys));
    auto new_keys = keys_in(apdu::find_tlv(*elements, note_new_keys));
    if (!old_keys || !new_keys) {
        return std::nullopt;
    }
    note.old_keys = std::move(*old_keys);
    note.new_keys = std::move(*new_keys);
    note.renewal.assign(renewal->begin(), renewal->end());
    std::ranges::copy(*slots, note.slots.begin());
    const auto [first, second, third] = note.slots;
    const bool retired = std::ranges::all_of(
        note.slots, [](KeyReference key) { return key >= first_retired && key <= last_retired; });
    return retired && first != second && first != third && second != third ? std::optional(note)
                                                                           : std::nullopt;
}

} // namespace cardrig::client
