// A card under test with everything around it: its memory that may lose power, the model of what it promises,
// and the decoder that reads along.
#pragma once

#include "apdu/decoder.h"
#include "emulator/card.h"
#include "emulator/card_image.h"
#include "harness/faulty_nvm.h"
#include "tests/fuzz/card_model.h"
#include "tests/fuzz/small_card.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

namespace fuzz {

namespace harness = cardrig::harness;

/// What breaks a card, for a test that the model sees it. Each part may be missing.
struct Sabotage {
    /// Stands between card and memory from one power-on to the next.
    std::function<std::unique_ptr<emulator::Nvm>(emulator::Nvm&)> memory;
    /// Answers in the card's place.
    std::function<Bytes(emulator::Card&, ByteView command)> answer;
    /// The card takes no notice of a reset.
    bool ignores_reset = false;
};

/// How often what came about.
struct Tally {
    std::uint64_t commands = 0;
    std::uint64_t cuts = 0;
    std::uint64_t cuts_in_recovery = 0;
    std::uint64_t verified = 0;
    std::uint64_t authenticated = 0;
    std::uint64_t written = 0; ///< PUT DATA that was carried out
    std::uint64_t generated = 0;
    std::uint64_t changed = 0; ///< codes
    std::uint64_t signed_ = 0; ///< key pairs used
};

/// Its functions throw BrokenPromise. Nothing in it is left to chance.
class CardSession final {
public:
    explicit CardSession(const emulator::CardImage& card, Sabotage sabotage = {});

    /// One command to a card that is alive; empty where the power went during it (then it was put on again).
    std::optional<cardrig::apdu::ResponseApdu> send(ByteView command);
    void reset();
    void power_cycle();
    /// The power goes at the n-th write from now, from 1; where a cut is planned already, at the n-th write
    /// after the power has come back from it, recovery included. Of eight at most.
    void plan_cut(std::uint64_t write, const harness::Tearing& tearing);
    /// SELECT, a look at each kind of object, and that nobody is logged in.
    void check_fresh();
    /// Of all passcodes there ever were, on copies of the memory: exactly the model's works.
    void check_passcodes();

    /// A card whose protection promises nothing may have come to its end by a cut.
    [[nodiscard]] bool alive() const { return card_ != nullptr; }
    [[nodiscard]] const emulator::CardConfig& config() const { return config_; }
    [[nodiscard]] const CardModel& model() const { return *model_; }
    [[nodiscard]] const Tally& tally() const { return tally_; }

private:
    struct Cut {
        std::uint64_t write;
        harness::Tearing tearing;
    };

    void power_on();
    void power_lost();
    [[nodiscard]] Memory look() const;
    void arm();
    [[nodiscard]] emulator::Environment environment();
    [[nodiscard]] Bytes transmit(ByteView command);
    [[nodiscard]] bool opens(const harness::FaultyNvm::Remains& remains, std::uint8_t reference,
                             ByteView passcode);
    void check_passcode(const harness::FaultyNvm::Remains& remains, std::uint8_t reference);
    void count(ByteView command, const cardrig::apdu::ResponseApdu& response);

    emulator::CardConfig config_;
    Sabotage sabotage_;
    emulator::MemoryNvm memory_;
    harness::FaultyNvm nvm_;
    std::unique_ptr<emulator::Nvm> broken_;
    ConstantEntropy entropy_;
    KeysInTurn keys_;
    StandingClock clock_;
    std::unique_ptr<emulator::Card> card_;
    std::optional<CardModel> model_;
    cardrig::apdu::Decoder decoder_;
    std::deque<Cut> cuts_; ///< the first is armed
    Tally tally_;
};

} // namespace fuzz
