// Which command a scenario's runs run: that of the client that it names, or of another one that is put in its
// place.
#pragma once

#include "harness/client_description.h"
#include "harness/scenario.h"

#include <optional>
#include <string>
#include <vector>

namespace cardrig::harness {

/// What `cardrig run --client` puts in the place of the scenarios' own clients.
struct OtherClient {
    std::string named;                ///< a description's name, or its file; empty: `command`
    std::vector<std::string> command; ///< words with placeholders, of which {task} is one
};

/// Whether a word after `--client` is the name of a description: in the library's folder `clients`, or of a
/// file.
[[nodiscard]] bool names_description(const std::string& library, const std::string& word);

/// Fills the command, environment and words of every run, {task} included. Its own client: throws
/// RequestError, at the client's place, where there is no such description, or it cannot do what the scenario
/// wants. Another one: says so in Scenario::not_applicable.
void resolve_clients(Scenario& scenario, const std::optional<OtherClient>& other);

} // namespace cardrig::harness
