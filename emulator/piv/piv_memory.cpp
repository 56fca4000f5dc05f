#include "emulator/piv/piv_memory.h"

#include "emulator/gzip.h"

#include <algorithm>

#include <fmt/format.h>

namespace cardrig::emulator::piv {

namespace {

constexpr std::uint8_t stored_key_format = 1;
constexpr std::size_t stored_key_header = 4;
constexpr std::uint8_t last_passcode_policy = 3;

constexpr std::uint8_t code_padding = 0xFF;

constexpr apdu::Tag certificate = 0x70;
constexpr apdu::Tag certificate_info = 0x71;
constexpr apdu::Tag error_detection_code = 0xFE;
/// Of a certificate that lies there compressed: more than any certificate has.
constexpr std::size_t longest_certificate = 65'536;

constexpr KeyReference first_retired_key = 0x82;
constexpr KeyReference last_retired_key = 0x95;
constexpr apdu::Tag first_retired_certificate = 0x5FC10D;

} // namespace

bool is_written(const ObjectStore& store, apdu::Tag tag) {
    return store.contains(data_object(tag)) && !store.contains(unfinished_mark(tag));
}

std::optional<Bytes> written_object(const ObjectStore& store, apdu::Tag tag) {
    return is_written(store, tag) ? store.read(data_object(tag)) : std::nullopt;
}

Bytes padded_code(std::string_view code) {
    Bytes bytes(code.begin(), code.end());
    bytes.resize(std::max(bytes.size(), code_size), code_padding);
    return bytes;
}

bool is_blank_code(ByteView stored) {
    const auto all = [&](std::uint8_t value) {
        return std::ranges::all_of(stored, [&](std::uint8_t byte) { return byte == value; });
    };
    return all(erased_byte) || all(0x00);
}

Bytes management_key_content(Algorithm algorithm, ByteView key) {
    Bytes content;
    content.reserve(1 + key.size());
    content.push_back(static_cast<std::uint8_t>(algorithm));
    content.insert(content.end(), key.begin(), key.end());
    return content;
}

std::uint8_t tries_left(const ObjectStore& store, CounterId counter) {
    const std::uint8_t tries = store.counter(counter);
    return tries > most_tries ? std::uint8_t{0} : tries;
}

RetryLimits retry_limits(const ObjectStore& store, const PivConfig& config) {
    const std::optional<Bytes> set = store.read(retry_limits_object);
    if (set && set->size() == 2) {
        return {set->front(), set->back()};
    }
    return {config.passcode.tries, config.unblocking_code.tries};
}

Bytes StoredKey::encode() const {
    Bytes bytes;
    bytes.reserve(stored_key_header + pkcs8.size());
    bytes.push_back(stored_key_format);
    bytes.push_back(static_cast<std::uint8_t>(algorithm));
    bytes.push_back(static_cast<std::uint8_t>(origin));
    bytes.push_back(passcode_policy);
    bytes.insert(bytes.end(), pkcs8.begin(), pkcs8.end());
    return bytes;
}

Result<StoredKey> StoredKey::decode(ByteView bytes) {
    if (bytes.size() <= stored_key_header) {
        return apdu::failure("a stored key is cut short");
    }
    if (bytes[0] != stored_key_format) {
        return apdu::failure(fmt::format("a stored key has the unknown format {}", bytes[0]));
    }
    const std::optional<Algorithm> algorithm = algorithm_from_id(bytes[1]);
    if (!algorithm || is_symmetric(*algorithm)) {
        return apdu::failure(fmt::format("a stored key has the unknown algorithm {:02X}", bytes[1]));
    }
    const auto origin = static_cast<KeyOrigin>(bytes[2]);
    if (origin != KeyOrigin::generated && origin != KeyOrigin::imported) {
        return apdu::failure(fmt::format("a stored key has the unknown origin {}", bytes[2]));
    }
    if (bytes[3] > last_passcode_policy) {
        return apdu::failure(fmt::format("a stored key has the unknown passcode policy {}", bytes[3]));
    }
    const ByteView pkcs8 = bytes.subspan(stored_key_header);
    return StoredKey{*algorithm, origin, bytes[3], Bytes(pkcs8.begin(), pkcs8.end())};
}

// SP 800-73-4 part 1, table 3 (tags of the certificates) and table 4b (key references).
std::optional<apdu::Tag> certificate_tag(KeyReference key) {
    switch (key) {
    case authentication_key:
        return 0x5FC105;
    case signature_key:
        return 0x5FC10A;
    case key_management_key:
        return 0x5FC10B;
    case card_authentication_key:
        return 0x5FC101;
    default:
        break;
    }
    if (key >= first_retired_key && key <= last_retired_key) {
        return first_retired_certificate + (key - first_retired_key);
    }
    return std::nullopt;
}

std::optional<apdu::Tag> slot_certificate_tag(KeyReference key) {
    return key == attestation_key ? std::optional{attestation_certificate_tag} : certificate_tag(key);
}

std::optional<Bytes> certificate_in(ByteView content) {
    const auto objects = apdu::parse_tlvs(content);
    if (!objects) {
        return std::nullopt;
    }
    const std::optional<ByteView> der = apdu::find_tlv(*objects, certificate);
    if (!der || der->empty()) {
        return std::nullopt;
    }
    // SP 800-73-4 part 1, appendix A, table 10: the two low bits tell the compression, 00 for none and 01 for
    // gzip. Some hosts leave CertInfo out for a plain certificate.
    const std::optional<ByteView> info = apdu::find_tlv(*objects, certificate_info);
    const unsigned compression = info && !info->empty() ? info->front() & 0x03U : 0U;
    if (compression == 0) {
        return Bytes(der->begin(), der->end());
    }
    return compression == 1 ? gunzip(*der, longest_certificate) : std::nullopt;
}

Bytes certificate_container(ByteView der) {
    static constexpr std::uint8_t uncompressed = 0x00;
    Bytes content;
    apdu::append_tlv(content, certificate, der);
    apdu::append_tlv(content, certificate_info, ByteView(&uncompressed, 1));
    apdu::append_tlv(content, error_detection_code, {});
    return content;
}

} // namespace cardrig::emulator::piv
