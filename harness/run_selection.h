// Which scenarios `cardrig run` runs: of what was named, those that match, with the client that was put in,
// in this shard.
#pragma once

#include "harness/reader_kind.h"
#include "harness/scenario.h"

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace cardrig::harness {

/// One of several parts of a run, from 1.
struct Shard {
    std::size_t number = 1;
    std::size_t of = 1;
    friend bool operator==(const Shard&, const Shard&) = default;
};

/// "2/5", or "auto": what CI_NODE_INDEX and CI_NODE_TOTAL say. `variable` gives the value of an environment
/// variable. Throws RequestError.
[[nodiscard]] Shard
parse_shard(const std::string& text,
            const std::function<std::optional<std::string>(const std::string&)>& variable);

/// A shard's scenarios, in the order of their paths and titles: each is in one shard, whatever order they
/// came in.
[[nodiscard]] std::vector<Scenario> in_shard(std::vector<Scenario> scenarios, const Shard& shard);

struct RunSelection {
    std::vector<std::string> paths;
    std::string filter;                 ///< expression; empty: all
    std::optional<std::string> variant; ///< exactly
    std::string client;                 ///< as `--client` has it; empty: their own
    std::optional<Shard> shard;
    ReaderKind reader = ReaderKind::rig;
};

/// Every file is read, and every card made once, before anything runs: all mistakes are told at once, in one
/// RequestError. Those to which the client does not apply are among them, and say so.
[[nodiscard]] std::vector<Scenario> select_scenarios(const RunSelection& selection);

/// What is to be told of scenarios that are run with another client than they were written for.
[[nodiscard]] std::vector<std::string> client_notices(const RunSelection& selection,
                                                      const std::vector<Scenario>& scenarios);

} // namespace cardrig::harness
