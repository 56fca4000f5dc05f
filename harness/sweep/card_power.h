// Power for a card over any memory, as the sweep needs it again and again: nothing takes time, and what is
// costly to make is made once.
#pragma once

#include "harness/sweep/card_maker.h"

#include <chrono>
#include <memory>

namespace cardrig::harness {

class CardPower final {
public:
    /// `maker` outlives it; `now` is what the cards' clocks say.
    CardPower(const CardMaker& maker, std::chrono::sys_seconds now);

    /// A card that has power, or what it says instead.
    struct Powered {
        std::unique_ptr<emulator::Nvm> between; ///< what the maker put between card and memory
        apdu::Result<std::unique_ptr<emulator::Card>> card;
    };
    /// Lets pass what the memory throws. Outlives the card; so does the memory.
    [[nodiscard]] Powered on(emulator::Nvm& memory, const emulator::CardConfig& config);

private:
    class StandingClock final : public emulator::Clock {
    public:
        explicit StandingClock(std::chrono::sys_seconds now) : now_(now) {}
        [[nodiscard]] std::chrono::sys_seconds now() const override { return now_; }
        void wait(std::chrono::microseconds) override {}

    private:
        std::chrono::sys_seconds now_;
    };

    const CardMaker& maker_;
    emulator::CryptoContext crypto_;
    emulator::ContextEntropy entropy_{crypto_};
    emulator::FreshKeys keys_;
    StandingClock clock_;
};

} // namespace cardrig::harness
