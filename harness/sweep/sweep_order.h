// Which of two places of a sweep comes first, and which of two models is the simpler one.
#pragma once

#include "harness/sweep/sweep_outcome.h"
#include "harness/sweep/sweep_place.h"

#include <compare>
#include <string>
#include <vector>

namespace cardrig::harness {

/// Where a model stands among those of its phase: what befalls the card (cut-power, remove, reset, unplug,
/// kill-client), then what the authority does, as the table of verbs has it, `before` before `after`; of
/// memory writes as all_tearings().
struct ModelOrder {
    std::size_t kind = 0;
    std::size_t moment = 0; ///< 0 before, 1 after
    std::string text{};     ///< of what is alike in these
    friend auto operator<=>(const ModelOrder&, const ModelOrder&) = default;
};
[[nodiscard]] ModelOrder model_order(const SweepPlace& place);

/// Whether the first one is to be shown rather than the other: with a client rather than without one, then
/// the earlier one, then the simpler one.
[[nodiscard]] bool simpler(const PlaceOutcome& one, const PlaceOutcome& other);

} // namespace cardrig::harness
