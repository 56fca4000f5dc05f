// What the commands of the PIV application work on: its memory, what the card is, and what holds as long as
// there is power.
#pragma once

#include "emulator/card_config.h"
#include "emulator/environment.h"
#include "emulator/object_store.h"
#include "emulator/piv/key_ring.h"
#include "emulator/piv/management_key.h"
#include "emulator/piv/passcode.h"
#include "emulator/piv/streamed_put.h"

namespace cardrig::emulator::piv {

/// Refers to what it is made of, which outlives it.
struct State {
    State(ObjectStore& memory, const PivConfig& settings, Environment given, GlobalStatus& global)
        : store(memory), config(settings), environment(given), passcode(memory, settings, global),
          management_key(memory, given), keys(memory, given), streamed_put(memory, settings) {}

    ObjectStore& store;
    const PivConfig& config;
    Environment environment;
    Passcode passcode;
    ManagementKey management_key;
    KeyRing keys;
    StreamedPut streamed_put;
};

} // namespace cardrig::emulator::piv
