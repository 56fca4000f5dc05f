#include "emulator/piv/key_ring.h"

namespace cardrig::emulator::piv {

namespace sw = apdu::sw;

namespace {

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
        return PasscodePolicy::never;
    default:
        return PasscodePolicy::once;
    }
}

} // namespace

Decoded<const UsableKey*> KeyRing::find(KeyReference reference) {
    if (const auto found = loaded_.find(reference); found != loaded_.end()) {
        return &found->second;
    }
    const std::optional<Bytes> bytes = store_.read(key_object(reference));
    if (!bytes) {
        return tl::make_unexpected(sw::incorrect_p1_p2);
    }
    const Result<StoredKey> stored = StoredKey::decode(*bytes);
    if (!stored) {
        return tl::make_unexpected(sw::memory_failure);
    }
    const Result<PrivateKey> key = PrivateKey::from_der(environment_.crypto, stored->pkcs8);
    if (!key || key->algorithm() != stored->algorithm) {
        return tl::make_unexpected(sw::memory_failure);
    }
    const UsableKey usable{*key, policy_of(reference, stored->passcode_policy)};
    return &loaded_.emplace(reference, usable).first->second;
}

std::optional<PrivateKey> KeyRing::generate(KeyReference reference,
                                            const GenerateKeyPair::Parameters& parameters) {
    PrivateKey key = environment_.keys.generate(environment_.crypto, parameters.algorithm);
    const StoredKey stored{parameters.algorithm, KeyOrigin::generated, parameters.passcode_policy,
                           key.to_der()};
    Transaction transaction = store_.begin();
    transaction.put(key_object(reference), stored.encode());
    if (transaction.commit() == CommitResult::not_enough_memory) {
        return std::nullopt;
    }
    loaded_.insert_or_assign(reference, UsableKey{key, policy_of(reference, parameters.passcode_policy)});
    return key;
}

} // namespace cardrig::emulator::piv
