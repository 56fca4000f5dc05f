// What a sweep tries: the places of a recorded run, each by its meaning and exactly, in the order in which
// they are tried.
#pragma once

#include "harness/sweep/recording.h"
#include "harness/sweep/sweep_place.h"
#include "harness/sweep/sweep_selection.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace cardrig::harness {

struct PlannedPlace {
    SweepPlace place;
    std::uint32_t position = 0; ///< as PlaceOutcome has it
    std::string client_phase;
    std::size_t event = 0; ///< live: index in Recording::events of the command or the request

    [[nodiscard]] nlohmann::json to_json() const;
    /// Throws RequestError with the offending key. `event` is not in it.
    [[nodiscard]] static PlannedPlace from_json(const nlohmann::json& json);
    friend bool operator==(const PlannedPlace&, const PlannedPlace&) = default;
};

/// What is done to a card or a client at a command, in the order in which it is tried.
[[nodiscard]] const std::vector<Effect>& interruptions();
/// What is done at a request to the authority, likewise: what its misbehaviour is, and the end of the client.
[[nodiscard]] const std::vector<Effect>& authority_effects();

/// Every command, a chain's blocks each, and every request, before and after, with every effect that can be
/// there. One effect after the other, each at all its places in the run's order, so that a sweep which ends
/// early has been everywhere. Each place is counted as FaultPlan and AuthorityFaults count: it comes at that
/// event, and at no other. Its words are the nearest that can be said: `any #n` where a command's own cannot.
[[nodiscard]] std::vector<PlannedPlace> live_places(const Recording& recording,
                                                    const SweepSelection& selection);

/// Every memory write with every tearing model, as the first cut: one model after the other at each write.
[[nodiscard]] std::vector<PlannedPlace> memory_places(const Recording& recording,
                                                      const SweepSelection& selection);

/// A part of them: every `of`-th, from the `number`-th. One of several shards.
template <class Place>
[[nodiscard]] std::vector<Place> every_nth(const std::vector<Place>& places, const Shard& shard) {
    std::vector<Place> part;
    for (std::size_t i = shard.number - 1; i < places.size(); i += shard.of) {
        part.push_back(places[i]);
    }
    return part;
}

} // namespace cardrig::harness
