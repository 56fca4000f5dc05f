#include "emulator/personalise.h"

#include "emulator/card_config_rules.h"
#include "emulator/piv/data_objects.h"
#include "emulator/piv/issuer_objects.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace cardrig::emulator {

namespace {

constexpr apdu::Tag ccc_tag = 0x5FC107;

std::optional<std::string> code_fault(std::string_view what, const PasscodeRules& rules,
                                      std::string_view code, std::optional<std::uint8_t> left) {
    if (const auto fault = passcode_fault(rules, code)) {
        return fmt::format("the {} breaks its rules: {}", what, *fault);
    }
    if (left && *left > rules.tries) {
        return fmt::format("the {} has {} tries left of {}", what, *left, rules.tries);
    }
    return std::nullopt;
}

std::optional<std::string> global_passcode_fault(const CardSpec& spec) {
    const std::optional<PasscodeRules>& rules = spec.config.piv.global_passcode;
    if (rules.has_value() != spec.global_passcode.has_value()) {
        return rules ? "the card takes a global passcode, and none is given"
                     : "a global passcode is given, and the card takes none";
    }
    return rules
               ? code_fault("global passcode", *rules, *spec.global_passcode, spec.global_passcode_tries_left)
               : std::nullopt;
}

std::optional<std::string> keys_fault(const CardSpec& spec) {
    const auto& offered = spec.config.piv.algorithms;
    std::set<piv::KeyReference> seen;
    for (const PersonalisedKey& key : spec.keys) {
        const bool is_token_key = key.reference == piv::attestation_key && spec.config.piv.yubico;
        if (!piv::certificate_tag(key.reference) && !is_token_key) {
            return fmt::format("{:02X} is no key reference of a key pair", key.reference);
        }
        if (!seen.insert(key.reference).second) {
            return fmt::format("key {:02X} is given twice", key.reference);
        }
        if (std::find(offered.begin(), offered.end(), key.key.algorithm()) == offered.end()) {
            return fmt::format("key {:02X} is {}, which the card does not offer", key.reference,
                               name(key.key.algorithm()));
        }
    }
    return std::nullopt;
}

/// Bytes of data of the PUT DATA that would write it (SP 800-73-4 part 2, 3.3.1).
std::size_t put_data_size(apdu::Tag tag, ByteView content) {
    if (tag == piv::discovery_object || tag == piv::biometric_group_template) {
        return apdu::make_tlv(tag, content).size();
    }
    const std::size_t tag_size = tag > 0xFFFF ? 3 : tag > 0xFF ? 2 : 1;
    return 2 + tag_size + apdu::make_tlv(0x53, content).size();
}

/// What GET DATA can never bring, and what PUT DATA would never take.
std::optional<std::string> objects_fault(const CardSpec& spec) {
    for (const auto& [tag, content] : spec.objects) {
        if (!piv::read_rule(spec.config.piv, tag)) {
            return fmt::format("{:X} is no data object of the PIV application", tag);
        }
        const std::size_t size = put_data_size(tag, content);
        if (size > spec.config.piv.longest_object) {
            return fmt::format("object {:X} takes a PUT DATA of {} bytes; the card's largest has {}", tag,
                               size, spec.config.piv.longest_object);
        }
    }
    return std::nullopt;
}

std::optional<std::string> spec_fault(const CardSpec& spec) {
    const PivConfig& piv = spec.config.piv;
    if (auto fault = config_fault(spec.config)) {
        return fault;
    }
    if (auto fault = code_fault("passcode", piv.passcode, spec.passcode, spec.passcode_tries_left)) {
        return fault;
    }
    if (auto fault = code_fault("unblocking code", piv.unblocking_code, spec.unblocking_code,
                                spec.unblocking_code_tries_left)) {
        return fault;
    }
    if (auto fault = global_passcode_fault(spec)) {
        return fault;
    }
    if (!is_symmetric(spec.management_algorithm)) {
        return fmt::format("{} is no algorithm for a management key", name(spec.management_algorithm));
    }
    if (spec.management_key.size() != key_size(spec.management_algorithm)) {
        return fmt::format("the management key has {} bytes; {} needs {}", spec.management_key.size(),
                           name(spec.management_algorithm), key_size(spec.management_algorithm));
    }
    if (auto fault = keys_fault(spec)) {
        return fault;
    }
    return objects_fault(spec);
}

/// One object a transaction: nobody cuts the power at the issuer's, and a journal need not hold the whole
/// card.
bool put(ObjectStore& store, ObjectId id, Bytes content) {
    Transaction transaction = store.begin();
    transaction.put(id, std::move(content));
    return transaction.commit() == CommitResult::committed;
}

bool put_keys(ObjectStore& store, const std::vector<PersonalisedKey>& keys) {
    for (const PersonalisedKey& key : keys) {
        const piv::StoredKey stored{key.key.algorithm(), piv::KeyOrigin::generated, key.passcode_policy,
                                    key.key.to_der()};
        if (!put(store, piv::key_object(key.reference), stored.encode())) {
            return false;
        }
    }
    return true;
}

/// The specification's own objects come last, over what the card gets anyway.
bool put_objects(ObjectStore& store, const CardSpec& spec) {
    std::map<apdu::Tag, Bytes> objects{
        {piv::chuid_tag, piv::card_holder_unique_identifier(spec.guid, spec.expires)},
        {ccc_tag, piv::card_capability_container(spec.guid)}};
    for (const PersonalisedKey& key : spec.keys) {
        if (!key.certificate.empty()) {
            objects[*piv::slot_certificate_tag(key.reference)] = piv::certificate_container(key.certificate);
        }
    }
    for (const auto& [tag, content] : spec.objects) {
        objects[tag] = content;
    }
    return std::ranges::all_of(objects, [&store](const auto& object) {
        return object.second.empty() || put(store, piv::data_object(object.first), object.second);
    });
}

bool put_codes(ObjectStore& store, const CardSpec& spec) {
    return put(store, piv::passcode_object, piv::padded_code(spec.passcode)) &&
           put(store, piv::unblocking_code_object, piv::padded_code(spec.unblocking_code)) &&
           (!spec.global_passcode ||
            put(store, piv::global_passcode_object, piv::padded_code(*spec.global_passcode))) &&
           put(store, piv::management_key_object,
               piv::management_key_content(spec.management_algorithm, spec.management_key));
}

bool fill(ObjectStore& store, const CardSpec& spec) {
    const PivConfig& piv = spec.config.piv;
    const bool fits = put_codes(store, spec) && put_keys(store, spec.keys) && put_objects(store, spec);
    store.set_counter(piv::passcode_tries, spec.passcode_tries_left.value_or(piv.passcode.tries));
    store.set_counter(piv::unblocking_code_tries,
                      spec.unblocking_code_tries_left.value_or(piv.unblocking_code.tries));
    if (piv.global_passcode) {
        store.set_counter(piv::global_passcode_tries,
                          spec.global_passcode_tries_left.value_or(piv.global_passcode->tries));
    }
    return fits;
}

} // namespace

Result<CardImage> personalise(const CardSpec& spec) {
    if (auto fault = spec_fault(spec)) {
        return apdu::failure(std::move(*fault));
    }
    MemoryNvm nvm(spec.config.geometry);
    const auto store = ObjectStore::format(nvm, spec.config.protection);
    if (!store) {
        return tl::make_unexpected(store.error());
    }
    if (!fill(**store, spec)) {
        return apdu::failure(fmt::format("a memory of {} bytes is too small for what the card is to hold",
                                         spec.config.geometry.size()));
    }
    return CardImage{spec.config, nvm.bytes(), {}};
}

} // namespace cardrig::emulator
