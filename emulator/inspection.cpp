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

/// A key object, read.
struct KeyFinding {
    std::optional<PrivateKey> key;
    piv::StoredKey stored; ///< as far as it can be read, without the key itself
    std::string key_sha256;
    std::optional<std::string> damage;
};

/// A certificate object, read: one of both.
struct CertificateFinding {
    std::optional<CertificateState> certificate;
    std::optional<std::string> damage;
};

KeyFinding read_key(CryptoContext& context, ByteView content) {
    KeyFinding finding;
    auto stored = piv::StoredKey::decode(content);
    if (!stored) {
        finding.damage = stored.error().message;
        return finding;
    }
    auto key = PrivateKey::from_der(context, stored->pkcs8);
    if (!key) {
        finding.damage = key.error().message;
        return finding;
    }
    if (key->algorithm() != stored->algorithm) {
        finding.damage =
            fmt::format("it is {} and marked {}", name(key->algorithm()), name(stored->algorithm));
        return finding;
    }
    finding.key_sha256 = digest_of(key->subject_public_key_info());
    finding.stored = {stored->algorithm, stored->origin, stored->passcode_policy, {}};
    finding.key = std::move(*key);
    return finding;
}

CertificateFinding read_certificate_object(CryptoContext& context, ByteView content) {
    const auto der = piv::certificate_in(content);
    if (!der) {
        return {{}, "there is no certificate in the object, neither plain nor compressed with gzip"};
    }
    const auto facts = read_certificate(context, *der);
    if (!facts) {
        return {{}, facts.error().message};
    }
    if (!facts->algorithm) {
        return {{}, "its public key is of a kind that no card has"};
    }
    return {CertificateState{facts->subject, facts->issuer, facts->serial, facts->not_before,
                             facts->not_after, *facts->algorithm, *der, digest_of(*der), false},
            {}};
}

} // namespace

struct InspectionMemo::Parts {
    CryptoContext context;
    std::map<std::string, KeyFinding> keys;                     ///< by the digest of the object
    std::map<std::string, CertificateFinding> certificates;     ///< likewise
    std::map<std::pair<std::string, std::string>, bool> proven; ///< by both
    std::uint64_t signatures = 0;
};

InspectionMemo::InspectionMemo() : parts_(std::make_unique<Parts>()) {}
InspectionMemo::~InspectionMemo() = default;

std::uint64_t InspectionMemo::signatures() const {
    return parts_->signatures;
}

namespace {

/// One look at one card's memory.
class Inspector final {
public:
    Inspector(const CardConfig& config, const ObjectStore& store, InspectionMemo::Parts& memo)
        : config_(config), store_(store), memo_(memo) {}

    [[nodiscard]] CardState look() {
        CardState state;
        state.profile = config_.profile;
        state.atr = apdu::to_hex(config_.atr);
        state.free_bytes = store_.free_bytes();
        if (const auto chuid = piv::written_object(store_, piv::chuid_tag)) {
            state.guid = guid_in(*chuid);
        }
        add_secrets(state);
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
    /// The digest of what lies there; tells where that is no code.
    [[nodiscard]] std::string look_at_code(ObjectId id, std::string_view what,
                                           std::optional<std::string>& damage) const {
        const auto code = store_.read(id);
        if (!code) {
            damage = fmt::format("the card has no {}", what);
        } else if (code->size() != piv::code_size) {
            damage = fmt::format("the card has no {} in the form that it keeps one", what);
        } else if (piv::is_blank_code(*code)) {
            damage = fmt::format("the card's {} is erased", what);
        }
        return code ? digest_of(*code) : std::string();
    }

    void add_secrets(CardState& state) const {
        const piv::RetryLimits limits = piv::retry_limits(store_, config_.piv);
        state.passcode = {piv::tries_left(store_, piv::passcode_tries), limits.passcode};
        state.passcode_digest = look_at_code(piv::passcode_object, "passcode", state.passcode_damage);
        state.unblocking_code = {piv::tries_left(store_, piv::unblocking_code_tries), limits.unblocking_code};
        state.unblocking_code_digest =
            look_at_code(piv::unblocking_code_object, "unblocking code", state.unblocking_code_damage);
        if (const auto& rules = config_.piv.global_passcode) {
            state.global_passcode = {piv::tries_left(store_, piv::global_passcode_tries), rules->tries};
            state.global_passcode_digest =
                look_at_code(piv::global_passcode_object, "global passcode", state.global_passcode_damage);
        }
        add_management_key(state);
    }

    void add_management_key(CardState& state) const {
        state.management_key_touch = store_.contains(piv::management_key_touch_object);
        const auto key = store_.read(piv::management_key_object);
        if (!key) {
            state.management_key_damage = "the card has no management key";
            return;
        }
        state.management_key_digest = digest_of(*key);
        const auto algorithm = key->empty() ? std::nullopt : algorithm_from_id(key->front());
        if (algorithm && is_symmetric(*algorithm) && key->size() == 1 + key_size(*algorithm)) {
            state.management_algorithm = *algorithm;
        } else {
            state.management_key_damage = "the card has no management key in the form that it keeps one";
        }
    }

    [[nodiscard]] SlotState look_at(piv::KeyReference reference) {
        SlotState slot;
        slot.reference = reference;
        const KeyFinding* const key = look_at_key(slot);
        const apdu::Tag tag = *piv::slot_certificate_tag(reference);
        const auto content = store_.read(piv::data_object(tag));
        if (!content) {
            return slot;
        }
        slot.stored_certificate_sha256 = digest_of(*content);
        if (!piv::is_written(store_, tag)) {
            slot.certificate_damage = "it was not written to its end, and counts as absent";
            return slot;
        }
        if (content->empty()) {
            return slot;
        }
        const auto [at, is_new] = memo_.certificates.try_emplace(slot.stored_certificate_sha256);
        if (is_new) {
            at->second = read_certificate_object(memo_.context, *content);
        }
        slot.certificate = at->second.certificate;
        slot.certificate_damage = at->second.damage;
        if (slot.certificate && key != nullptr) {
            slot.certificate->matches_key = proves(slot, *key->key);
        }
        return slot;
    }

    /// Nothing where there is no key, or one that cannot be read.
    [[nodiscard]] const KeyFinding* look_at_key(SlotState& slot) {
        const auto content = store_.read(piv::key_object(slot.reference));
        if (!content) {
            return nullptr;
        }
        slot.stored_key_sha256 = digest_of(*content);
        const auto [at, is_new] = memo_.keys.try_emplace(slot.stored_key_sha256);
        if (is_new) {
            at->second = read_key(memo_.context, *content);
        }
        const KeyFinding& finding = at->second;
        slot.key_damage = finding.damage;
        if (!finding.key) {
            return nullptr;
        }
        slot.key = finding.key->algorithm();
        slot.origin = finding.stored.origin;
        slot.passcode_policy = finding.stored.passcode_policy;
        slot.key_sha256 = finding.key_sha256;
        return &finding;
    }

    [[nodiscard]] bool proves(const SlotState& slot, const PrivateKey& key) {
        const auto [at, is_new] =
            memo_.proven.try_emplace({slot.stored_key_sha256, slot.stored_certificate_sha256});
        if (is_new) {
            ++memo_.signatures;
            at->second = signature_proves(key, slot.certificate->der);
        }
        return at->second;
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
    InspectionMemo::Parts& memo_;
};

/// Whether what lies there is this code.
bool is_digest_of(const std::string& stored_sha256, std::string_view code) {
    const Bytes padded = piv::padded_code(code);
    return !piv::is_blank_code(padded) && stored_sha256 == digest_of(padded);
}

Result<bool> code_is(const CardImage& image, ObjectId object, std::string_view code, const char* if_none) {
    MemoryNvm copy(image.config.geometry, image.memory, image.weak);
    const auto store = ObjectStore::mount(copy, image.config.protection);
    if (!store) {
        return tl::make_unexpected(store.error());
    }
    const auto held = (*store)->read(object);
    if (!held) {
        return apdu::failure(if_none);
    }
    return !piv::is_blank_code(*held) && equal_in_constant_time(*held, piv::padded_code(code));
}

} // namespace

const SlotState* CardState::slot(piv::KeyReference reference) const {
    const auto found = std::find_if(slots.begin(), slots.end(), [&](const SlotState& candidate) {
        return candidate.reference == reference;
    });
    return found == slots.end() ? nullptr : &*found;
}

Result<CardState> inspect(const CardImage& image) {
    InspectionMemo memo;
    return inspect(image, memo);
}

Result<CardState> inspect(const CardImage& image, InspectionMemo& memo) {
    MemoryNvm copy(image.config.geometry, image.memory, image.weak);
    const auto store = ObjectStore::mount(copy, image.config.protection);
    if (!store) {
        return tl::make_unexpected(store.error());
    }
    return inspect(image.config, **store, memo);
}

CardState inspect(const CardConfig& config, const ObjectStore& store, InspectionMemo& memo) {
    return Inspector(config, store, memo.parts()).look();
}

Result<bool> passcode_is(const CardImage& image, std::string_view passcode) {
    return code_is(image, piv::passcode_object, passcode, "the card has no passcode");
}

Result<bool> global_passcode_is(const CardImage& image, std::string_view passcode) {
    return code_is(image, piv::global_passcode_object, passcode, "the card has no global passcode");
}

bool passcode_is(const CardState& state, std::string_view passcode) {
    return is_digest_of(state.passcode_digest, passcode);
}

bool global_passcode_is(const CardState& state, std::string_view passcode) {
    return is_digest_of(state.global_passcode_digest, passcode);
}

} // namespace cardrig::emulator
