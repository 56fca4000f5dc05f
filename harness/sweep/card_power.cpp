#include "harness/sweep/card_power.h"

#include <utility>

namespace cardrig::harness {

CardPower::CardPower(const CardMaker& maker, std::chrono::sys_seconds now) : maker_(maker), clock_(now) {}

CardPower::Powered CardPower::on(emulator::Nvm& memory, const emulator::CardConfig& config) {
    std::unique_ptr<emulator::Nvm> between = maker_.decorate ? maker_.decorate(memory) : nullptr;
    emulator::Nvm& seen = between ? *between : memory;
    auto card = maker_.power_on(seen, config, {crypto_, entropy_, keys_, clock_});
    return {std::move(between), std::move(card)};
}

} // namespace cardrig::harness
