// Which command a scenario's runs run: that of the client that it names, or of another one that is put in its place.
#pragma once

#include "harness/client_description.h"
#include "harness/scenario.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace cardrig::harness {

/// What `cardrig run --client` puts in the place of the scenarios' own clients.
struct OtherClient {
    std::string named;                ///< a description's name, or its file; empty: `command`
    std::vector<std::string> command; ///< words with placeholders, of which {task} is one
};

/// Fills the command, environment and words of every run. Its own client: throws RequestError, at the client's place,
/// where there is no such description, or it cannot do what the scenario wants. Another one: says so in
/// Scenario::not_applicable.
void resolve_clients(Scenario& scenario, const std::optional<OtherClient>& other);

/// What every client's words can hold that depends neither on cards nor on readers: {scenarios}, {folder}, {task}, {bin}.
[[nodiscard]] std::map<std::string, std::string> plain_placeholders(const Scenario& scenario,
                                                                    const ScenarioClient& client);

} // namespace cardrig::harness
