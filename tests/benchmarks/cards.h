// The cards that are measured, and what they are measured against.
#pragma once

#include "emulator/card_image.h"
#include "emulator/piv/piv_memory.h"
#include "harness/reader_card.h"

#include <mutex>
#include <vector>

namespace cardrig::benchmarks {

using apdu::Bytes;
using apdu::ByteView;

/// The shipped staff card, made from its profile.
[[nodiscard]] emulator::CardImage staff_card();
/// Puts a data object with this content on the card, as a host would.
void put_object(emulator::CardImage& image, apdu::Tag tag, Bytes content);
/// Puts a key pair (PKCS#8) into a slot, for use without the passcode.
void put_key(emulator::CardImage& image, emulator::piv::KeyReference slot, emulator::Algorithm algorithm,
             Bytes pkcs8);

/// A card that does nothing but answer: what a round trip costs without one.
class InstantCard final : public harness::ReaderCard {
public:
    /// In turn, and again from the first.
    void will_answer(std::vector<Bytes> answers);

    void power_on() override {}
    void power_off() override {}
    void reset() override {}
    [[nodiscard]] Bytes atr() override;
    [[nodiscard]] harness::Answer transmit(ByteView command) override;

private:
    std::mutex mutex_;
    std::vector<Bytes> answers_{{0x90, 0x00}};
    std::size_t next_ = 0;
};

} // namespace cardrig::benchmarks
