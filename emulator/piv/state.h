// What the commands of the PIV application work on: its memory, what the card is, and what holds as long as
// there is power.
#pragma once

#include "emulator/card_config.h"
#include "emulator/environment.h"
#include "emulator/object_store.h"
#include "emulator/piv/key_ring.h"
#include "emulator/piv/management_key.h"
#include "emulator/piv/passcode.h"

namespace cardrig::emulator::piv {

/// Refers to the store and to the configuration, which outlive it.
struct State {
    State(ObjectStore& memory, const PivConfig& settings, Environment given)
        : store(memory), config(settings), environment(given), passcode(memory, settings),
          management_key(memory, given), keys(memory, given) {}

    ObjectStore& store;
    const PivConfig& config;
    Environment environment;
    Passcode passcode;
    ManagementKey management_key;
    KeyRing keys;
};

} // namespace cardrig::emulator::piv
