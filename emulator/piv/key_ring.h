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

struct UsableKey {
    PrivateKey key;
    PasscodePolicy policy;
};

class KeyRing {
public:
    KeyRing(ObjectStore& store, Environment environment) : store_(store), environment_(environment) {}

    /// 6A86 where the slot holds no key, 6581 where what it holds cannot be read. Good until the next
    /// generate().
    [[nodiscard]] Decoded<const UsableKey*> find(KeyReference reference);
    /// Makes a key pair and puts it into the slot in one transaction; none where memory does not suffice, and
    /// then the slot is as it was.
    [[nodiscard]] std::optional<PrivateKey> generate(KeyReference reference,
                                                     const GenerateKeyPair::Parameters& parameters);

private:
    ObjectStore& store_;
    Environment environment_;
    std::map<KeyReference, UsableKey> loaded_;
};

} // namespace cardrig::emulator::piv
