#include "emulator/inspection.h"

#include "emulator/x509_reading.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

namespace cardrig::emulator {

namespace {

std::vector<piv::KeyReference> key_references() {
    std::vector<piv::KeyReference> references;
    for (piv::KeyReference retired = 0x82; retired <= 0x95; ++retired) {
        references.push_back(retired);
    }
    references.insert(references.end(), {piv::authentication_key, piv::signature_key, piv::key_management_key,
                                         piv::card_authentication_key, piv::attestation_key});
    return references;
}

/// Hex of the GUID inside a CHUID's content; empty where there is none.
std::string guid_in(ByteView chuid) {
    const auto objects = apdu::parse_tlvs(chuid);
    const auto guid = objects ? apdu::find_tlv(*objects, 0x34) : std::nullopt;
    return guid ? apdu::to_hex(*guid) : std::string();
}

std::string digest_of(ByteView bytes) {
    return apdu::to_hex(sha256(bytes));
}

/// One look at one card's memory.
class Inspector final {
public:
    Inspector(const CardConfig& config, const ObjectStore& store) : config_(config), store_(store) {}

    [[nodiscard]] Result<CardState> look() {
        CardState state;
        state.profile = config_.profile;
        state.atr = apdu::to_hex(config_.atr);
        state.free_bytes = store_.free_bytes();
        if (const auto chuid = piv::written_object(store_, piv::chuid_tag)) {
            state.guid = guid_in(*chuid);
        }
        if (const auto fault = add_secrets(state)) {
            return apdu::failure(*fault);
        }
        for (const piv::KeyReference reference : key_references()) {
            SlotState slot = look_at(reference);
            if (slot.key || slot.key_damage || slot.certificate || slot.certificate_damage) {
                state.slots.push_back(std::move(slot));
            }
        }
        add_objects(state);
        return state;
    }

private:
    [[nodiscard]] std::optional<std::string> add_secrets(CardState& state) const {
        const auto passcode = store_.read(piv::passcode_object);
        const auto unblocking = store_.read(piv::unblocking_code_object);
        const auto management = store_.read(piv::management_key_object);
        if (!passcode || passcode->size() != piv::code_size) {
            return "the card has no passcode in the form that it keeps one";
        }
        if (!unblocking || unblocking->size() != piv::code_size) {
            return "the card has no unblocking code in the form that it keeps one";
        }
        const auto algorithm =
            management && !management->empty() ? algorithm_from_id(management->front()) : std::nullopt;
        if (!algorithm || !is_symmetric(*algorithm) || management->size() != 1 + key_size(*algorithm)) {
            return "the card has no management key in the form that it keeps one";
        }
        const piv::RetryLimits limits = piv::retry_limits(store_, config_.piv);
        state.passcode = {store_.counter(piv::passcode_tries), limits.passcode};
        state.unblocking_code = {store_.counter(piv::unblocking_code_tries), limits.unblocking_code};
        if (const auto& rules = config_.piv.global_passcode) {
            const auto global = store_.read(piv::global_passcode_object);
            if (!global || global->size() != piv::code_size) {
                return "the card has no global passcode in the form that it keeps one";
            }
            state.global_passcode = {store_.counter(piv::global_passcode_tries), rules->tries};
            state.global_passcode_digest = digest_of(*global);
        }
        state.management_algorithm = *algorithm;
        state.passcode_digest = digest_of(*passcode);
        state.unblocking_code_digest = digest_of(*unblocking);
        state.management_key_digest = digest_of(*management);
        return std::nullopt;
    }

    [[nodiscard]] SlotState look_at(piv::KeyReference reference) {
        SlotState slot;
        slot.reference = reference;
        const std::optional<PrivateKey> key = read_key(slot);
        const apdu::Tag tag = *piv::slot_certificate_tag(reference);
        const auto content = store_.read(piv::data_object(tag));
        if (!content) {
            return slot;
        }
        if (!piv::is_written(store_, tag)) {
            slot.certificate_damage = "it was not written to its end, and counts as absent";
            return slot;
        }
        if (content->empty()) {
            return slot;
        }
        const auto der = piv::certificate_in(*content);
        if (!der) {
            slot.certificate_damage =
                "there is no certificate in the object, neither plain nor compressed with gzip";
            return slot;
        }
        const auto facts = read_certificate(context_, *der);
        if (!facts) {
            slot.certificate_damage = facts.error().message;
        } else if (!facts->algorithm) {
            slot.certificate_damage = "its public key is of a kind that no card has";
        } else {
            slot.certificate = CertificateState{facts->subject,
                                                facts->issuer,
                                                facts->serial,
                                                facts->not_before,
                                                facts->not_after,
                                                *facts->algorithm,
                                                *der,
                                                digest_of(*der),
                                                key && signature_proves(*key, *der)};
        }
        return slot;
    }

    [[nodiscard]] std::optional<PrivateKey> read_key(SlotState& slot) {
        const auto content = store_.read(piv::key_object(slot.reference));
        if (!content) {
            return std::nullopt;
        }
        const auto stored = piv::StoredKey::decode(*content);
        if (!stored) {
            slot.key_damage = stored.error().message;
            return std::nullopt;
        }
        const auto key = PrivateKey::from_der(context_, stored->pkcs8);
        if (!key) {
            slot.key_damage = key.error().message;
            return std::nullopt;
        }
        if (key->algorithm() != stored->algorithm) {
            slot.key_damage =
                fmt::format("it is {} and marked {}", name(key->algorithm()), name(stored->algorithm));
            return std::nullopt;
        }
        slot.key = key->algorithm();
        slot.origin = stored->origin;
        slot.passcode_policy = stored->passcode_policy;
        slot.key_sha256 = digest_of(key->subject_public_key_info());
        return *key;
    }

    void add_objects(CardState& state) const {
        std::set<ObjectId> certificates;
        for (const piv::KeyReference reference : key_references()) {
            certificates.insert(piv::data_object(*piv::slot_certificate_tag(reference)));
        }
        for (const ObjectId id : store_.objects()) {
            // Keys and secrets have numbers above all tags: see piv_memory.h.
            const auto number = static_cast<std::uint32_t>(id);
            if (number > 0xFF'FFFFU || certificates.contains(id)) {
                continue;
            }
            if (const auto content = store_.read(id)) {
                state.objects[number] = {content->size(), digest_of(*content),
                                         !piv::is_written(store_, number)};
            }
        }
    }

    const CardConfig& config_;
    const ObjectStore& store_;
    CryptoContext context_;
};

} // namespace

const SlotState* CardState::slot(piv::KeyReference reference) const {
    const auto found = std::find_if(slots.begin(), slots.end(), [&](const SlotState& candidate) {
        return candidate.reference == reference;
    });
    return found == slots.end() ? nullptr : &*found;
}

Result<CardState> inspect(const CardImage& image) {
    MemoryNvm copy(image.config.geometry, image.memory, image.weak);
    const auto store = ObjectStore::mount(copy);
    if (!store) {
        return tl::make_unexpected(store.error());
    }
    return Inspector(image.config, **store).look();
}

Result<bool> passcode_is(const CardImage& image, std::string_view passcode) {
    MemoryNvm copy(image.config.geometry, image.memory, image.weak);
    const auto store = ObjectStore::mount(copy);
    if (!store) {
        return tl::make_unexpected(store.error());
    }
    const auto held = (*store)->read(piv::passcode_object);
    if (!held) {
        return apdu::failure("the card has no passcode");
    }
    return !piv::is_blank_code(*held) && equal_in_constant_time(*held, piv::padded_code(passcode));
}

} // namespace cardrig::emulator
