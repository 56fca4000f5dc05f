// Which places of a sweep are tried: what --phases, --models, --places and --shard say.
#pragma once

#include "harness/run_selection.h"
#include "harness/sweep/sweep_place.h"

#include <optional>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace cardrig::harness {

struct SweepSelection {
    std::set<SweepPhase> phases{all_sweep_phases.begin(), all_sweep_phases.end()};
    /// A model whole ("prefix half", "cut-power after", "fail 503 before") or its first words ("prefix",
    /// "cut-power", "fail 503"). Empty: all.
    std::vector<std::string> models;
    /// Searched in the text of the place, without phase and effect ("put-data signature-certificate before";
    /// of a first occurrence in "put-data signature-certificate #1 before", too).
    std::optional<std::regex> places;

    [[nodiscard]] bool takes(const SweepPlace& place) const;
};

} // namespace cardrig::harness
