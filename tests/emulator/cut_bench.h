// A card whose power is cut at every memory write of what is done to it, in every way, and again at every
// write of the recovery from that, and of the recovery from that one, until nothing new comes of it: for
// tests that say what has to hold afterwards.
#pragma once

#include "harness/faulty_nvm.h"
#include "tests/emulator/piv_card.h"
#include "tests/emulator/store_sweep.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace cardrig::tests {

/// The same key pair again and again for each algorithm, so that what GENERATE makes takes no time.
class SameKeys final : public emulator::KeySource {
public:
    [[nodiscard]] emulator::PrivateKey generate(emulator::CryptoContext& context,
                                                emulator::Algorithm algorithm) override;

private:
    std::map<emulator::Algorithm, Bytes> pkcs8_;
};

/// One command, or a few that are to be looked at as one; throws UnexpectedAnswer where the card does not
/// answer as it should.
using CardStep = std::function<void(CardSession&)>;

class CutBench {
public:
    /// `prepare` is done once, with power, and is part of every start.
    CutBench(const Setup& setup, const CardStep& prepare);

    /// What a cut left.
    struct Cut {
        std::size_t step = 0; ///< the one that the power went in, from 0
        std::string place;    ///< for messages: the step, the write and the tearing of each cut in a row
        StoreState before;    ///< of memory: before that step ...
        StoreState after;     ///< ... and after it, had the power not gone
    };
    using Check = std::function<void(const Cut&)>;

    /// `begin` is done after each power-on and not cut; the steps are. `check` begins with the card powered
    /// on over what is left, with nothing between card and memory; an UnexpectedAnswer that it throws is a
    /// violation, and whatever else comes out of the card is passed on. Recoveries are cut unless the card
    /// has no protection, which has none, or `decorate` breaks the memory that the steps run on; where they
    /// are cut, `in_recovery` may break theirs. Where recoveries are cut, remains that were there before are
    /// not looked at again, nor are those that a recovery comes to. The violations found, each as `step <n>
    /// write #<n> <tearing>[, recovery write #<n> <tearing> ...]: <promise> ...`.
    [[nodiscard]] std::vector<std::string> sweep(const CardStep& begin, const std::vector<CardStep>& steps,
                                                 const Check& check, const Decorate& decorate = {},
                                                 const Decorate& in_recovery = {});

    /// So far, in all sweeps: of steps, and of recoveries.
    [[nodiscard]] std::uint64_t cuts() const { return cuts_; }
    [[nodiscard]] std::uint64_t cuts_of_recoveries() const { return cuts_of_recoveries_; }

    // For `check`, and for looks that need no sweep:
    [[nodiscard]] CardSession& card() { return session_; }
    [[nodiscard]] StoreState state();
    /// A new power-on over what the cut left, whatever was done since. False, and a violation, where the card
    /// stays mute.
    [[nodiscard]] bool power_on_again(const Cut& cut);
    /// A violation unless the promise was kept.
    void expect(bool kept, const Cut& cut, std::string_view promise);

    /// The card as prepared, powered on, with `begin` done to it.
    void start(const CardStep& begin, const Decorate& decorate = {});
    /// The power goes between two commands; what is left now is what power_on_again() begins from.
    void lose_power();
    [[nodiscard]] harness::FaultyNvm& memory() { return faulty_; }

private:
    struct Left {
        harness::FaultyNvm::Remains remains;
        std::string place;
    };
    struct Undisturbed {
        std::vector<StoreState> states;    ///< before the first step, and after each
        std::vector<std::uint64_t> writes; ///< the last one of each step
    };
    [[nodiscard]] Undisturbed undisturbed(const CardStep& begin, const std::vector<CardStep>& steps,
                                          const Decorate& decorate);
    /// Goes through the steps until the power goes.
    void lose_power_in(const std::vector<CardStep>& steps);
    void cut_recoveries(const Check& check, const Decorate& in_recovery);
    void cut_recovery(const Left& from, std::uint64_t write, const Decorate& in_recovery,
                      std::vector<Left>& open);
    /// Over remains_, whose place is that of cut_.
    void look(const Check& check);

    bool recovers_;
    emulator::MemoryNvm memory_;
    harness::FaultyNvm faulty_{memory_};
    SameKeys keys_;
    CardSession session_;
    std::unique_ptr<emulator::Nvm> decorated_; ///< until the power is cut
    harness::FaultyNvm::Remains prepared_;
    harness::FaultyNvm::Remains remains_;
    Cut cut_;
    std::vector<std::string> violations_;
    std::set<std::size_t> left_;    ///< what cuts of this step left, by hash
    std::set<std::size_t> settled_; ///< what recoveries from that came to, by hash
    std::uint64_t cuts_ = 0;
    std::uint64_t cuts_of_recoveries_ = 0;
};

} // namespace cardrig::tests
