// A worker's process, and what is said between it and the coordinator: a line of JSON each, over a socket.
//
//     {"do": "record", "times": 2, "digest": ""}          {"recorded": {...}}
//     {"do": "memory"}                                    {"place": {...}} ... {"memory": {...}}
//     {"do": "try", "place": "live: ...", "keep": "..."}  {"outcome": {...}}
//
// An answer may also be {"wrong": "..."} (the request, or the scenario, is wrong), {"host": "..."} (this host
// cannot) or {"trouble": "..."} (ours); after the last two the worker ends. Each has "notices", where there
// are new ones.
#pragma once

#include "harness/sweep/sweep_work.h"

#include <string>

#include <sys/types.h>

#include <nlohmann/json.hpp>

namespace cardrig::harness {

struct SweepTask {
    enum class Kind : std::uint8_t { record, memory, place };
    Kind kind = Kind::place;
    unsigned times = 1;   ///< record
    std::string digest{}; ///< record: of the run that it is to be; empty: any
    SweepPlace place;
    std::string keep; ///< folder; empty: nothing is kept

    [[nodiscard]] nlohmann::json to_json() const;
    /// Throws RequestError.
    [[nodiscard]] static SweepTask from_json(const nlohmann::json& json);
    /// For messages: "the undisturbed run", "live: ...".
    [[nodiscard]] std::string text() const;
};

/// Of a memory phase without its places.
[[nodiscard]] nlohmann::json to_json(const MemoryPhaseResult& result);
/// Throws RequestError with the offending key.
[[nodiscard]] MemoryPhaseResult memory_result_from_json(const nlohmann::json& json);

/// A worker's life, until the other end is closed or a signal asks it to end. Call it in a process of its
/// own.
void serve_sweep(const MakeSweepWork& make, int socket);

} // namespace cardrig::harness
