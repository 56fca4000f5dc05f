// The key pairs of the PIV application: kept in memory, and as ready key objects as long as the card has
// power.
#pragma once

#include "emulator/environment.h"
#include "emulator/object_store.h"
#include "emulator/piv/commands.h"
#include "emulator/piv/piv_memory.h"

#include <map>
#include <optional>

namespace cardrig::emulator::piv {

/// When a key asks for the passcode.
enum class PasscodePolicy : std::uint8_t { never = 1, once = 2, always = 3 };

/// The policy that a stored one comes to in this slot: 0 is the slot's default.
[[nodiscard]] PasscodePolicy policy_of(KeyReference reference, std::uint8_t stored);

struct UsableKey {
    PrivateKey key;
    PasscodePolicy policy;
    KeyOrigin origin;
};

class KeyRing {
public:
    KeyRing(ObjectStore& store, Environment environment) : store_(store), environment_(environment) {}

    /// 6A86 where the slot holds no key, 6581 where what it holds cannot be read. Good until a key
    /// changes.
    [[nodiscard]] Decoded<const UsableKey*> find(KeyReference reference);
    /// Makes a key pair and puts it into the slot in one transaction; none where memory does not suffice, and
    /// then the slot is as it was.
    [[nodiscard]] std::optional<PrivateKey> generate(KeyReference reference,
                                                     const GenerateKeyPair::Parameters& parameters);
    /// Puts a key pair that was made elsewhere into the slot; `passcode_policy` as StoredKey has it.
    [[nodiscard]] CommitResult import(KeyReference reference, const PrivateKey& key,
                                      std::uint8_t passcode_policy);
    /// Takes the key pair out of one slot and puts it into the other, in one transaction. It asks for the
    /// passcode as it did. 6A86 and 6581 as find(), 6A84 where memory does not suffice.
    [[nodiscard]] StatusWord move(KeyReference from, KeyReference to);
    [[nodiscard]] CommitResult erase(KeyReference reference);
    /// Memory was changed by others: what was read from it counts no more.
    void forget() { loaded_.clear(); }

private:
    [[nodiscard]] CommitResult keep(KeyReference reference, const PrivateKey& key, KeyOrigin origin,
                                    std::uint8_t passcode_policy);
    [[nodiscard]] Decoded<StoredKey> stored(KeyReference reference) const;

    ObjectStore& store_;
    Environment environment_;
    std::map<KeyReference, UsableKey> loaded_;
};

} // namespace cardrig::emulator::piv
