// A card that does what a test tells it to.
#pragma once

#include "harness/reader_card.h"

#include <functional>
#include <string>

namespace cardrig::harness::testing {

class ScriptedCard final : public ReaderCard {
public:
    void power_on() override {
        log += "on ";
        powered = true;
    }
    void power_off() override {
        log += "off ";
        powered = false;
    }
    void reset() override {
        log += "reset ";
        current_atr = atr_after_reset;
    }
    Bytes atr() override { return powered ? current_atr : Bytes{}; }
    Answer transmit(ByteView command) override { return answer(command); }

    std::string log; ///< to be read when the link is gone
    bool powered = false;
    Bytes current_atr{0x3B, 0x00};
    Bytes atr_after_reset{0x3B, 0x01, 0xAA};
    /// Its answer to each command: the command itself.
    std::function<Answer(ByteView)> answer = [](ByteView command) {
        return Bytes(command.begin(), command.end());
    };
};

} // namespace cardrig::harness::testing
