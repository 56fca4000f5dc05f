#include "harness/profile_parts.h"

#include "apdu/decoder.h"
#include "emulator/piv/data_objects.h"
#include "emulator/piv/issuer_objects.h"
#include "emulator/piv/piv_memory.h"

#include <charconv>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

/// The one family of tokens keeps objects of its own under 5FFF00 to 5FFFFF.
constexpr bool is_token_object(apdu::Tag tag) {
    return tag >> 8U == 0x5FFF;
}

/// By the name that the decoder has for it, or by its tag.
std::optional<apdu::Tag> object_tag(std::string_view key, bool token) {
    if (const auto tag = apdu::piv_object_tag(key)) {
        return tag;
    }
    apdu::Tag tag = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), tag, 16);
    if (error != std::errc{} || end != key.data() + key.size()) {
        return std::nullopt;
    }
    return apdu::piv_object_name(tag) || (token && is_token_object(tag)) ? std::optional(tag) : std::nullopt;
}

apdu::Bytes read_content(const YamlValue& value) {
    if (is_none(value)) {
        return {};
    }
    const auto bytes = apdu::from_hex(value.quoted());
    if (!bytes) {
        value.refuse("this is not hexadecimal (pairs of digits, with blanks or colons between pairs)");
    }
    if (bytes->empty()) {
        value.refuse("an object without content is one that is not there: write none");
    }
    if (bytes->size() > UINT16_MAX) {
        value.refuse(fmt::format("an object of {} bytes; they have at most {}", bytes->size(), UINT16_MAX));
    }
    return *bytes;
}

/// The command data of the PUT DATA that would write it: the tag list, then the object.
std::size_t command_size(apdu::Tag tag, apdu::ByteView content) {
    const auto tlv_size = [](apdu::Tag outer, apdu::ByteView inner) {
        apdu::Bytes bytes;
        apdu::append_tlv(bytes, outer, inner);
        return bytes.size();
    };
    if (tag == emulator::piv::discovery_object || tag == emulator::piv::biometric_group_template) {
        return tlv_size(tag, content);
    }
    constexpr std::size_t tag_list = 5; // 5C 03 and three bytes
    return tag_list + tlv_size(0x53, content);
}

std::optional<std::string> object_fault(apdu::Tag tag, const apdu::Bytes& content, const Profile& profile) {
    const emulator::PivConfig& piv = profile.card.config.piv;
    if (!emulator::piv::read_rule(piv, tag)) {
        return fmt::format("{:X} is no data object of the PIV application", tag);
    }
    if (content.empty()) {
        return std::nullopt; // a key without its certificate, too
    }
    for (const CertificateProfile& certificate : profile.certificates) {
        if (emulator::piv::certificate_tag(certificate.reference) == tag) {
            return fmt::format("{:X} is the certificate of {:02X}, which 'certificates' gives, too, at {}",
                               tag, certificate.reference, certificate.place);
        }
    }
    if (const std::size_t size = command_size(tag, content); size > piv.longest_object) {
        return fmt::format("PUT DATA takes {} bytes for it, and 'largest-object' is {}", size,
                           piv.longest_object);
    }
    return std::nullopt;
}

/// The texts of the printed information; `mapping` is there where the profile gives any of its own.
class PrintedTexts final {
public:
    PrintedTexts(const YamlValue& value, std::optional<YamlMapping>& mapping)
        : value_(value), mapping_(mapping) {}

    /// Some bytes on one line.
    [[nodiscard]] std::string read(std::string_view key, const std::string& otherwise, std::size_t longest) {
        const auto given = mapping_ ? mapping_->take(key) : std::nullopt;
        const YamlValue& place = given ? *given : value_;
        // Characters are counted first, then bytes: a name may be shorter than it looks.
        const std::string text = given ? read_line(*given, text_of(key, *given), longest) : otherwise;
        if (text.size() > longest) {
            place.refuse(fmt::format("the printed information's {} has {} bytes; there is room for {}", key,
                                     text.size(), longest));
        }
        return text;
    }

private:
    /// The serial is a number that is a name: 0123 must stand in quotes.
    [[nodiscard]] static std::string text_of(std::string_view key, const YamlValue& given) {
        return key == "serial" ? given.quoted() : given.text();
    }

    const YamlValue& value_;
    std::optional<YamlMapping>& mapping_;
};

} // namespace

void read_objects(const YamlValue& value, Profile& profile) {
    YamlMapping mapping = value.mapping();
    emulator::CardSpec& card = profile.card;
    const bool token = card.config.piv.yubico.has_value();
    for (const std::string& key : mapping.keys()) {
        const auto tag = object_tag(key, token);
        if (!tag) {
            mapping.refuse_key(
                key, fmt::format("'{}' is no data object: those of the standard have a name such "
                                 "as chuid or a tag such as 5FC102{}",
                                 key, token ? ", those of the token the tags 5FFF00 to 5FFFFF" : ""));
        }
        const apdu::Bytes content = read_content(mapping.require(key));
        if (const auto fault = object_fault(*tag, content, profile)) {
            mapping.refuse_key(key, *fault);
        }
        if (!card.objects.emplace(*tag, content).second) {
            mapping.refuse_key(key, fmt::format("the object {:X} is given twice", *tag));
        }
    }
}

std::optional<PrintedInformationProfile> read_printed_information(const YamlValue& value,
                                                                  const Profile& profile) {
    if (value.is_scalar() && !value.boolean()) {
        return std::nullopt;
    }
    // Without a mapping, every part is what follows from the rest of the profile.
    std::optional<YamlMapping> mapping;
    if (!value.is_scalar()) {
        mapping = value.mapping();
    }
    PrintedTexts texts(value, mapping);
    PrintedInformationProfile printed;
    printed.name = texts.read("name", profile.holder.name, 125);
    printed.affiliation = texts.read("employee-affiliation", "Test", 20);
    printed.serial = texts.read("serial", profile.holder.number.substr(2), 10);
    printed.issuer = texts.read("issuer", "cardrig test", 15);
    if (mapping) {
        if (const auto expires = mapping->take("expiration")) {
            printed.expires = expires->duration();
        }
        mapping->finish();
    }
    if (profile.card.objects.contains(emulator::piv::printed_information_tag)) {
        value.refuse("'objects' gives the printed information, too");
    }
    return printed;
}

emulator::YubicoExtensions read_yubico(const YamlValue& value) {
    YamlMapping mapping = value.mapping();
    emulator::YubicoExtensions out;
    if (const auto firmware = mapping.take("firmware")) {
        const std::string text = firmware->quoted();
        std::string_view rest = text;
        for (std::uint8_t& part : out.firmware) {
            const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), part);
            const bool last = &part == &out.firmware.back();
            const auto length = static_cast<std::size_t>(end - rest.data());
            if (error != std::errc{} || (last ? length != rest.size() : rest.substr(length, 1) != ".")) {
                firmware->refuse(
                    fmt::format("'{}' is no firmware such as \"5.4.3\", each number 0 to 255", text));
            }
            rest.remove_prefix(last ? length : length + 1);
        }
    }
    if (const auto serial = mapping.take("serial")) {
        out.serial = static_cast<std::uint32_t>(serial->integer(0, UINT32_MAX));
    }
    mapping.finish();
    return out;
}

} // namespace cardrig::harness
