// How a card is brought to life over a memory: as cards are, or with a planted defect.
#pragma once

#include "emulator/card.h"

#include <functional>
#include <memory>

namespace cardrig::harness {

struct CardMaker {
    /// What lies between card and memory from power-on to power-off; none: nothing.
    std::function<std::unique_ptr<emulator::Nvm>(emulator::Nvm& memory)> decorate;
    /// Called before the memory is mounted and in place of it; may let pass what emulator::Card::power_on
    /// throws.
    std::function<apdu::Result<std::unique_ptr<emulator::Card>>(
        emulator::Nvm& memory, const emulator::CardConfig& config, const emulator::Environment& environment)>
        power_on = emulator::Card::power_on;
};

} // namespace cardrig::harness
