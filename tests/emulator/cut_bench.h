// A card whose power is cut at every write of what is done to it, in every way: for tests that say what has
// to hold afterwards.
#pragma once

#include "harness/faulty_nvm.h"
#include "tests/emulator/piv_card.h"
#include "tests/emulator/store_sweep.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cardrig::tests {

/// One command, or a few that are to be looked at as one; throws where the card does not answer as it should.
using CardStep = std::function<void(CardSession&)>;

class CutBench {
public:
    /// `prepare` is done once, with power, and is part of every start.
    CutBench(const Setup& setup, const CardStep& prepare);

    /// What a cut left.
    struct Cut {
        std::size_t step = 0; ///< the one that the power went in, from 0
        std::string place;    ///< for messages
        StoreState before;    ///< of memory: before that step ...
        StoreState after;     ///< ... and after it, had the power not gone
    };
    using Check = std::function<void(const Cut&)>;

    /// `begin` is done after each power-on and not cut; the steps are. `check` begins with the card powered
    /// on over what is left, with nothing between card and memory, and what it throws is a violation. The
    /// number of cuts is returned.
    std::uint64_t sweep(const CardStep& begin, const std::vector<CardStep>& steps, const Check& check,
                        const Decorate& decorate = {});
    [[nodiscard]] const std::vector<std::string>& violations() const { return violations_; }

    // For `check`:
    [[nodiscard]] CardSession& card() { return session_; }
    [[nodiscard]] StoreState state();
    /// A new power-on over what the cut left, whatever was done since. False, and a violation, where the card
    /// stays mute.
    [[nodiscard]] bool power_on_again(const Cut& cut);
    /// A violation unless the promise was kept.
    void expect(bool kept, const Cut& cut, std::string_view promise);

private:
    void start(const CardStep& begin, const Decorate& decorate = {});
    [[nodiscard]] std::vector<StoreState>
    undisturbed(const CardStep& begin, const std::vector<CardStep>& steps, const Decorate& decorate);
    /// Goes through the steps until the power goes.
    void lose_power(const std::vector<CardStep>& steps, const Cut& cut);
    void look(const Cut& cut, const Check& check);

    emulator::MemoryNvm memory_;
    harness::FaultyNvm faulty_{memory_};
    PremadeKeys keys_{{make_key(emulator::Algorithm::p256)}};
    CardSession session_;
    std::unique_ptr<emulator::Nvm> decorated_; ///< until the power is cut
    harness::FaultyNvm::Remains prepared_;
    harness::FaultyNvm::Remains remains_;
    std::vector<std::uint64_t> writes_; ///< of the undisturbed run, after each step
    std::vector<std::string> violations_;
};

} // namespace cardrig::tests
