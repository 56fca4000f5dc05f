// Every state that a card was found in: what is wrong with it, found out once.
#pragma once

#include "emulator/inspection.h"
#include "harness/invariants.h"
#include "harness/sweep/recording.h"
#include "harness/sweep/run_evidence.h"
#include "harness/sweep/store_contents.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace cardrig::harness {

/// Of one card of a recording. What it is given outlives it.
class StateBook {
public:
    /// `merge`: a state is looked at once; `memo`: and a key with a certificate is tried once, whatever the
    /// states that they are in.
    StateBook(const Recording& recording, std::size_t card, const CommittedValues& committed, bool merge,
              bool memo);

    struct Entry {
        std::optional<std::string> discontinued; ///< I2
        std::optional<std::string> orphaned;     ///< I4, but what the run began with
        std::optional<std::string> torn;         ///< I5
        std::optional<std::string> open;         ///< I6: a key works without a passcode
        emulator::CardState secrets;             ///< of all that the card is, codes and counters alone
        std::string card_state;                  ///< client_phase.h
    };
    /// The number of the state that this card is in, which has power, and whose store holds this.
    [[nodiscard]] std::uint32_t number(emulator::Card& card, const StoreContents& contents);
    [[nodiscard]] const Entry& entry(std::uint32_t number) const { return entries_.at(number); }
    /// I6, in the light of what the run did.
    [[nodiscard]] std::optional<std::string> passcode_trouble(std::uint32_t number,
                                                              const CodeEvidence& evidence) const;

private:
    [[nodiscard]] Entry look(emulator::Card& card, const StoreContents& contents, bool is_known);

    const Recording& recording_;
    std::size_t card_;
    const CommittedValues& committed_;
    bool merge_;
    bool memo_;
    std::unique_ptr<emulator::InspectionMemo> known_ = std::make_unique<emulator::InspectionMemo>();
    std::optional<emulator::CardState> made_;
    std::optional<emulator::CardState> start_;
    std::optional<std::string> orphaned_before_; ///< I4 that the card had when the run began
    std::unordered_map<std::uint64_t, std::uint32_t> numbers_;
    std::vector<Entry> entries_;
};

} // namespace cardrig::harness
