// A scenario's client: the command that is run, and how its end is told.
#pragma once

#include "harness/rig.h"
#include "harness/scenario.h"

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace cardrig::harness {

/// What a run's client is told of the world that it is in.
struct ClientSurroundings {
    std::map<std::string, std::string> values; ///< of the placeholders
    std::string control;                       ///< the hand's socket, for those that may move cards
};

/// Placeholders that a scenario and its readers give; cards and authority have theirs.
[[nodiscard]] std::map<std::string, std::string> scenario_values(const Scenario& scenario, const Rig& rig);

/// Throws RequestError for a word that cannot be filled.
[[nodiscard]] ClientCommand client_command(const ScenarioRun& run, const ClientSurroundings& surroundings);

/// How it ended, in words.
[[nodiscard]] std::string describe_end(const ClientResult& result, const std::string& program,
                                       std::chrono::seconds limit);

} // namespace cardrig::harness
