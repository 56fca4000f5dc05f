#include "apdu/decoder.h"

#include <algorithm>
#include <array>

namespace cardrig::apdu {

namespace {

struct NamedObject {
    std::uint32_t tag;
    std::string_view name;
};

// SP 800-73-4 part 1, table 3.
constexpr std::array<NamedObject, 36> named_objects{{
    {0x7E, "discovery"},
    {0x7F61, "biometric-information-templates"},
    {0x5FC101, "card-authentication-certificate"},
    {0x5FC102, "chuid"},
    {0x5FC103, "fingerprints"},
    {0x5FC105, "authentication-certificate"},
    {0x5FC106, "security-object"},
    {0x5FC107, "card-capability-container"},
    {0x5FC108, "facial-image"},
    {0x5FC109, "printed-information"},
    {0x5FC10A, "signature-certificate"},
    {0x5FC10B, "key-management-certificate"},
    {0x5FC10C, "key-history"},
    {0x5FC10D, "retired-certificate-1"},
    {0x5FC10E, "retired-certificate-2"},
    {0x5FC10F, "retired-certificate-3"},
    {0x5FC110, "retired-certificate-4"},
    {0x5FC111, "retired-certificate-5"},
    {0x5FC112, "retired-certificate-6"},
    {0x5FC113, "retired-certificate-7"},
    {0x5FC114, "retired-certificate-8"},
    {0x5FC115, "retired-certificate-9"},
    {0x5FC116, "retired-certificate-10"},
    {0x5FC117, "retired-certificate-11"},
    {0x5FC118, "retired-certificate-12"},
    {0x5FC119, "retired-certificate-13"},
    {0x5FC11A, "retired-certificate-14"},
    {0x5FC11B, "retired-certificate-15"},
    {0x5FC11C, "retired-certificate-16"},
    {0x5FC11D, "retired-certificate-17"},
    {0x5FC11E, "retired-certificate-18"},
    {0x5FC11F, "retired-certificate-19"},
    {0x5FC120, "retired-certificate-20"},
    {0x5FC121, "iris-images"},
    {0x5FC122, "secure-messaging-certificate"},
    {0x5FC123, "pairing-code"},
}};

} // namespace

std::optional<std::string_view> piv_object_name(std::uint32_t tag) {
    const auto found = std::find_if(named_objects.begin(), named_objects.end(),
                                    [tag](const NamedObject& object) { return object.tag == tag; });
    return found == named_objects.end() ? std::nullopt : std::optional(found->name);
}

std::optional<std::uint32_t> piv_object_tag(std::string_view name) {
    const auto found = std::find_if(named_objects.begin(), named_objects.end(),
                                    [name](const NamedObject& object) { return object.name == name; });
    return found == named_objects.end() ? std::nullopt : std::optional(found->tag);
}

} // namespace cardrig::apdu
