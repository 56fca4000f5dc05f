#include "emulator/piv/data_objects.h"

#include "emulator/piv/piv_application.h"
#include "emulator/piv/piv_memory.h"

#include <algorithm>
#include <array>

namespace cardrig::emulator::piv {

namespace {

constexpr apdu::Tag data_object_value = 0x53;
constexpr apdu::Tag key_history_object = 0x5FC10C;

constexpr KeyReference first_retired_key = 0x82;
constexpr KeyReference last_retired_key = 0x95;

struct ObjectRule {
    apdu::Tag tag;
    ReadRule read;
};

// SP 800-73-4 part 1, table 2 (access rules) and table 3 (tags); retired certificates have their own range.
constexpr std::array object_rules{
    ObjectRule{0x5FC107, ReadRule::always},                 // card capability container
    ObjectRule{chuid_tag, ReadRule::always},                // cardholder unique identifier
    ObjectRule{0x5FC105, ReadRule::always},                 // certificate for authentication
    ObjectRule{0x5FC103, ReadRule::passcode},               // fingerprints
    ObjectRule{0x5FC106, ReadRule::always},                 // security object
    ObjectRule{0x5FC108, ReadRule::passcode},               // facial image
    ObjectRule{0x5FC101, ReadRule::always},                 // certificate for card authentication
    ObjectRule{0x5FC10A, ReadRule::always},                 // certificate for signature
    ObjectRule{0x5FC10B, ReadRule::always},                 // certificate for key management
    ObjectRule{0x5FC109, ReadRule::passcode},               // printed information
    ObjectRule{discovery_object, ReadRule::always},         //
    ObjectRule{key_history_object, ReadRule::always},       //
    ObjectRule{0x5FC121, ReadRule::passcode},               // iris images
    ObjectRule{biometric_group_template, ReadRule::always}, //
    ObjectRule{0x5FC122, ReadRule::always},                 // certificate of the secure messaging signer
    ObjectRule{0x5FC123, ReadRule::passcode},               // pairing code reference
};
constexpr apdu::Tag first_retired_certificate = 0x5FC10D;
constexpr apdu::Tag last_retired_certificate = 0x5FC120;

/// What hosts of tokens with extensions keep: administration data, the attestation certificate, maps of other
/// systems.
constexpr apdu::Tag first_token_object = 0x5FFF00;
constexpr apdu::Tag last_token_object = 0x5FFFFF;

/// SP 800-73-4 part 1, 3.3.2, the passcode usage policy. First byte: which passcodes open what is protected,
/// the application's own (40) and the global one (20). Second: which of two to use, the application's own
/// (10) or the global one (20); 00 where there is no choice.
std::array<std::uint8_t, 2> passcode_usage_policy(const PivConfig& config) {
    if (!config.global_passcode) {
        return {0x40, 0x00};
    }
    return {0x60, static_cast<std::uint8_t>(config.prefers_global_passcode ? 0x20 : 0x10)};
}

// SP 800-73-4 part 1, 3.3.2.
Bytes derived_discovery_object(const PivConfig& config) {
    Bytes value;
    apdu::append_tlv(value, 0x4F, application_identifier());
    apdu::append_tlv(value, 0x5F2F, passcode_usage_policy(config));
    return value;
}

/// Keys and certificates fill the retired slots from 82 up.
std::uint8_t retired_slots_in_use(const ObjectStore& store) {
    std::uint8_t in_use = 0;
    for (KeyReference key = first_retired_key; key <= last_retired_key; ++key) {
        const std::optional<apdu::Tag> certificate = certificate_tag(key);
        if (store.contains(key_object(key)) || (certificate && is_written(store, *certificate))) {
            in_use = static_cast<std::uint8_t>(key - first_retired_key + 1);
        }
    }
    return in_use;
}

// SP 800-73-4 part 1, 3.3.3: how many retired keys have their certificates on the card (C1) and off it (C2),
// and the address of the latter (F3). Derived, so that readers find slots that nobody has entered there.
Bytes derived_key_history(const ObjectStore& store) {
    Bytes value;
    const Bytes on_card{retired_slots_in_use(store)};
    static constexpr std::array<std::uint8_t, 1> off_card{0};
    apdu::append_tlv(value, 0xC1, on_card);
    apdu::append_tlv(value, 0xC2, off_card);
    apdu::append_tlv(value, 0xF3, {});
    apdu::append_tlv(value, 0xFE, {});
    return value;
}

std::optional<Bytes> content(const ObjectStore& store, const PivConfig& config, apdu::Tag tag) {
    if (std::optional<Bytes> written = written_object(store, tag)) {
        return written;
    }
    if (tag == discovery_object) {
        return derived_discovery_object(config);
    }
    if (tag == key_history_object) {
        return derived_key_history(store);
    }
    return std::nullopt;
}

} // namespace

std::optional<ReadRule> read_rule(const PivConfig& config, apdu::Tag tag) {
    if (config.yubico && tag >= first_token_object && tag <= last_token_object) {
        return ReadRule::always;
    }
    if (tag >= first_retired_certificate && tag <= last_retired_certificate) {
        return ReadRule::always;
    }
    const auto* const rule = std::ranges::find(object_rules, tag, &ObjectRule::tag);
    if (rule == object_rules.end()) {
        return std::nullopt;
    }
    return rule->read;
}

std::optional<Bytes> read_data_object(const ObjectStore& store, const PivConfig& config, apdu::Tag tag) {
    const std::optional<Bytes> value = content(store, config, tag);
    if (!value) {
        return std::nullopt;
    }
    const bool stands_alone = tag == discovery_object || tag == biometric_group_template;
    return apdu::make_tlv(stands_alone ? tag : data_object_value, *value);
}

} // namespace cardrig::emulator::piv
