// What power-ons over an image show: of one card, whose memory goes from image to image.
#pragma once

#include "harness/sweep/card_power.h"
#include "harness/sweep/crash_memory.h"
#include "harness/sweep/state_book.h"

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace cardrig::harness {

/// One power-on.
struct Sight {
    std::string dead;     ///< I1: why; else empty
    std::string open;     ///< I6: what is open that nobody has opened
    std::string wavering; ///< I5: what reads as two things
    bool has_state = false;
    std::uint32_t state = 0; ///< StateBook's number, where it has one
    friend auto operator<=>(const Sight&, const Sight&) = default;
};

/// An image that was looked at.
struct Seen {
    std::uint32_t sights = 0;    ///< SightBook's number of what one power-on showed, or each of several
    std::uint64_t recovered = 0; ///< digest of the image when the (first) power-on was through
};

/// What the images of a card showed. What it is given outlives it.
class SightBook {
public:
    SightBook(CrashMemory& memory, const emulator::CardConfig& config, CardPower& power, StateBook& states)
        : memory_(memory), config_(config), power_(power), states_(states) {}

    /// Of the memory as it is, which stays so; `is_new` where it was not looked at before. An image with weak
    /// bits that matter is powered on several times, as they read differently each time.
    [[nodiscard]] Seen look(bool& is_new);
    /// Of an image that was looked at, by its digest.
    [[nodiscard]] std::optional<Seen> find(std::uint64_t digest) const {
        const auto known = seen_.find(digest);
        return known == seen_.end() ? std::nullopt : std::optional(known->second);
    }
    /// What the first power-on writes, over the memory as it is; known without another one where that image
    /// was the last one to be looked at.
    [[nodiscard]] const std::vector<RecoveryStep>& recovery();
    [[nodiscard]] const std::vector<Sight>& sights(std::uint32_t number) const { return *sights_.at(number); }
    /// As if nothing had been looked at.
    void forget() { seen_.clear(); }

private:
    [[nodiscard]] Sight power_on(std::uint64_t& recovered, std::vector<RecoveryStep>* log);
    void use(emulator::Card& card, Sight& sight);
    [[nodiscard]] std::uint32_t number_of(std::vector<Sight> sights);

    CrashMemory& memory_;
    const emulator::CardConfig& config_;
    CardPower& power_;
    StateBook& states_;
    std::unordered_map<std::uint64_t, Seen> seen_;
    std::map<std::vector<Sight>, std::uint32_t> numbers_;
    std::vector<const std::vector<Sight>*> sights_;
    std::optional<std::pair<std::uint64_t, std::uint64_t>> last_image_; ///< digest, and state of weak bits
    std::vector<RecoveryStep> last_recovery_;                           ///< from it
};

} // namespace cardrig::harness
