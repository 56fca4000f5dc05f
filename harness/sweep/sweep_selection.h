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
    /// Words: a model whole ("prefix half", "cut-power after"), or its first ("prefix", "cut-power"). Empty:
    /// all.
    std::vector<std::string> models;
    /// Searched in the text of the place, without phase and effect ("put-data signature-certificate #1
    /// before").
    std::optional<std::regex> places;

    [[nodiscard]] bool takes(const SweepPlace& place) const;
};

} // namespace cardrig::harness
