// The words of `cardrig sweep`'s options. All refuse with RequestError: the option, the offending word, and
// the nearest right one.
#pragma once

#include "harness/sweep/sweep_place.h"
#include "harness/sweep/sweep_selection.h"

#include <chrono>
#include <set>
#include <string>
#include <vector>

namespace cardrig::harness {

/// "90 s", "90s", "10 minutes", "10m", "1 hour", "1h": above 0, at most 30 days.
[[nodiscard]] std::chrono::seconds budget_from_words(const std::string& text);

/// "memory,live"
[[nodiscard]] std::set<SweepPhase> phases_from_words(const std::string& text);

/// "prefix, cut-power after": parted by commas. Each names a model of some phase.
[[nodiscard]] std::vector<std::string> models_from_words(const std::string& text);

/// All that `--models` can name whole: "prefix half", "cut-power after", "fail 503 before".
[[nodiscard]] std::vector<std::string> model_words();

} // namespace cardrig::harness
