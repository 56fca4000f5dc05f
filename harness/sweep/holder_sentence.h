// What a finding means for the card's holder.
#pragma once

#include "harness/sweep/sweep_outcome.h"

#include <string>
#include <string_view>

namespace cardrig::harness {

/// One sentence, which says no more than what was seen: by the promise that was broken, how, after which run,
/// and what the card was like at the cut (card_phase(); of several cards it is not looked at). `outcome`:
/// window, open or violation.
[[nodiscard]] std::string holder_sentence(const BrokenPromise& broken, Outcome outcome,
                                          std::string_view card_state);

} // namespace cardrig::harness
