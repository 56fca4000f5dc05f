#include "emulator/piv/key_ring.h"

namespace cardrig::emulator::piv {

namespace sw = apdu::sw;

// SP 800-73-4 part 1, table 4b: the security condition for use of each key, where the key has none of its
// own.
PasscodePolicy policy_of(KeyReference reference, std::uint8_t stored) {
    if (stored != 0) {
        return static_cast<PasscodePolicy>(stored);
    }
    switch (reference) {
    case signature_key:
        return PasscodePolicy::always;
    case card_authentication_key:
    case attestation_key: // it signs what the card says of itself, whoever asks
        return PasscodePolicy::never;
    default:
        return PasscodePolicy::once;
    }
}

Decoded<StoredKey> KeyRing::stored(KeyReference reference) const {
    const std::optional<Bytes> bytes = store_.read(key_object(reference));
    if (!bytes) {
        return tl::make_unexpected(sw::incorrect_p1_p2);
    }
    Result<StoredKey> key = StoredKey::decode(*bytes);
    if (!key) {
        return tl::make_unexpected(sw::memory_failure);
    }
    return std::move(*key);
}

Decoded<const UsableKey*> KeyRing::find(KeyReference reference) {
    if (const auto found = loaded_.find(reference); found != loaded_.end()) {
        return &found->second;
    }
    const Decoded<StoredKey> held = stored(reference);
    if (!held) {
        return tl::make_unexpected(held.error());
    }
    const Result<PrivateKey> key = PrivateKey::from_der(environment_.crypto, held->pkcs8);
    if (!key || key->algorithm() != held->algorithm) {
        return tl::make_unexpected(sw::memory_failure);
    }
    const UsableKey usable{*key, policy_of(reference, held->passcode_policy), held->origin};
    return &loaded_.emplace(reference, usable).first->second;
}

CommitResult KeyRing::keep(KeyReference reference, const PrivateKey& key, KeyOrigin origin,
                           std::uint8_t passcode_policy) {
    const StoredKey stored{key.algorithm(), origin, passcode_policy, key.to_der()};
    Transaction transaction = store_.begin();
    transaction.put(key_object(reference), stored.encode());
    const CommitResult result = transaction.commit();
    if (result == CommitResult::committed) {
        loaded_.insert_or_assign(reference, UsableKey{key, policy_of(reference, passcode_policy), origin});
    }
    return result;
}

std::optional<PrivateKey> KeyRing::generate(KeyReference reference,
                                            const GenerateKeyPair::Parameters& parameters) {
    PrivateKey key = environment_.keys.generate(environment_.crypto, parameters.algorithm);
    if (keep(reference, key, KeyOrigin::generated, parameters.passcode_policy) ==
        CommitResult::not_enough_memory) {
        return std::nullopt;
    }
    return key;
}

CommitResult KeyRing::import(KeyReference reference, const PrivateKey& key, std::uint8_t passcode_policy) {
    return keep(reference, key, KeyOrigin::imported, passcode_policy);
}

StatusWord KeyRing::move(KeyReference from, KeyReference to) {
    Decoded<StoredKey> key = stored(from);
    if (!key) {
        return key.error();
    }
    // What was the old slot's default must not turn into the new one's.
    key->passcode_policy = static_cast<std::uint8_t>(policy_of(from, key->passcode_policy));
    Transaction transaction = store_.begin();
    transaction.put(key_object(to), key->encode());
    transaction.erase(key_object(from));
    if (transaction.commit() == CommitResult::not_enough_memory) {
        return sw::not_enough_memory;
    }
    forget();
    return sw::success;
}

CommitResult KeyRing::erase(KeyReference reference) {
    Transaction transaction = store_.begin();
    transaction.erase(key_object(reference));
    const CommitResult result = transaction.commit();
    loaded_.erase(reference);
    return result;
}

} // namespace cardrig::emulator::piv
