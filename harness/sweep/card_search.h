// The crash images of one card of a recording, and of the recoveries from them, breadth first.
#pragma once

#include "harness/sweep/card_sight.h"
#include "harness/sweep/memory_phase.h"
#include "harness/sweep/run_evidence.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_set>
#include <vector>

namespace cardrig::harness {

struct SeenBroken {
    BrokenPromise promise;
    std::optional<std::uint32_t> state; ///< of I2 and I4: StateBook's number of what it was seen in
};

/// What is wrong with an image.
struct ImageVerdict {
    std::vector<SeenBroken> broken; ///< each once; I2 and I4 once of each state
    Outcome outcome = Outcome::clean;
    std::optional<std::uint32_t> state; ///< StateBook's number: what the first power-on finds; none: nothing
};

/// An image, or a row of cuts that leads to one.
struct FoundImage {
    std::size_t tearing = 0;               ///< of the first cut, in all_tearings()
    std::vector<RecoveryCut> further;      ///< then those in recoveries
    const ImageVerdict* verdict = nullptr; ///< of the search, which keeps it
};

struct SearchCounts {
    std::uint64_t images = 0;
    std::uint64_t recovery_cuts = 0;
    std::uint64_t merged = 0;
    std::uint32_t depth = 0;
};

/// How the images of a write, and the recoveries from them, came to an end.
enum class CutEnd : std::uint8_t {
    whole,
    enough,  ///< options.enough() said so
    endless, ///< given up: the card's recoveries from there do not come to an end
};
/// Where a card is given up, write by write; sound ones need far less.
inline constexpr std::uint64_t most_images_of_a_write = 50'000;
inline constexpr std::size_t most_cuts_in_a_row = 32;

/// Goes along the recording, from the card's state at its beginning. What it is given outlives it.
class CardSearch {
public:
    CardSearch(const Recording& recording, std::size_t card, const MemoryPhaseOptions& options);
    CardSearch(const CardSearch&) = delete;
    CardSearch& operator=(const CardSearch&) = delete;

    using OnImage = std::function<void(const FoundImage&)>;
    /// Cuts this write, the next of the card's, in the ways that `tearings` names by their place in
    /// all_tearings(), and every recovery from that. Tells of each first cut, in that order, and then of the
    /// images of recoveries that were not there before. `where` tells moments apart whose images are not to
    /// be merged. Unless it ends `whole`, images of recoveries are missing.
    [[nodiscard]] CutEnd cut(const MemoryStep& write, const std::vector<std::size_t>& tearings,
                             std::uint64_t where, const OnImage& on_first, const OnImage& on_recovery);
    /// What is wrong with one image: this write torn so, the next of the card's, and then these cuts, each in
    /// the recovery from the one before. Throws RequestError where a recovery has no such write.
    [[nodiscard]] ImageVerdict look_at(const MemoryStep& write, const Tearing& tearing,
                                       const std::vector<RecoveryCut>& further, std::uint64_t where);
    /// The step is done whole.
    void pass(const MemoryStep& step);
    /// The number of the state that a power-on would find now.
    [[nodiscard]] std::uint32_t state();

    [[nodiscard]] const StateBook& states() const { return states_; }
    [[nodiscard]] const SearchCounts& counts() const { return counts_; }

private:
    /// An image whose recovery has yet to be cut.
    struct Open {
        CrashMemory::Patch patch;
        FoundImage found;
        std::vector<RecoveryStep> recovery; ///< what it writes
    };
    void learn();
    void learn_spent_try(std::size_t event, const StoreContents& before);
    void tell_of_tries(std::size_t event);
    [[nodiscard]] std::uint32_t later_sights(const Seen& seen);
    [[nodiscard]] StoreContents contents_of(CrashMemory& memory);
    [[nodiscard]] std::vector<Open> cut_first(const MemoryStep& write,
                                              const std::vector<std::size_t>& tearings, std::uint64_t moment,
                                              const OnImage& on_first);
    [[nodiscard]] CutEnd cut_recoveries(std::vector<Open> open, std::uint64_t moment,
                                        const OnImage& on_recovery);
    void cut_recovery(const Open& from, std::uint64_t moment, std::vector<Open>& next,
                      const OnImage& on_recovery);
    void cut_power_on(const RecoveryCut& cut);
    /// The memory as it is. `recovery`: what the power-on writes, where it was not come to at this moment
    /// before; else nothing.
    const ImageVerdict* consider(std::uint64_t moment, bool& is_new, std::vector<RecoveryStep>& recovery);
    const ImageVerdict& judge(std::uint32_t sights, std::uint32_t later);
    void add(ImageVerdict& verdict, const Sight& sight, const std::string& when) const;
    void promise(ImageVerdict& verdict, const char* invariant, const std::optional<std::string>& how,
                 const std::string& when, std::optional<std::uint32_t> state = {}) const;
    [[nodiscard]] std::uint32_t number_of(const CodeEvidence& evidence);

    const Recording& recording_;
    std::size_t card_;
    const MemoryPhaseOptions& options_;
    std::string card_name_; ///< where there are several
    const emulator::CardConfig& config_;
    CardPower power_;
    CommittedValues committed_;
    std::set<std::size_t> spending_; ///< events that take a passcode and spend a try first
    CrashMemory memory_;
    StateBook states_;
    SightBook sights_;
    RunEvidence evidence_;
    std::vector<CodeEvidence> evidences_;
    std::uint32_t evidence_now_ = 0; ///< the number of the one that holds
    std::size_t judged_events_ = 0;  ///< before that, whether a try was spent was told
    std::string unspent_;            ///< about the write that is cut
    std::map<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t, std::string>, ImageVerdict> verdicts_;
    std::unordered_set<std::uint64_t> visited_;
    SearchCounts counts_;
};

} // namespace cardrig::harness
