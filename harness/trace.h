// The trace: everything that happened, in order.
//
// As a file it is JSON lines, one event each: {"n": 12, "t": 0.031, "kind": "apdu", "reader": 0, ...}. What
// else an event holds depends on its kind; harness/README.md lists the kinds.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace cardrig::harness {

struct TraceEvent {
    std::uint64_t number = 0; ///< from 1
    double seconds = 0;       ///< since the trace began
    std::string kind;         ///< apdu, memory-write, power, reader, client, fault, note
    int reader = -1;          ///< index of the reader, from 0; -1 where none is meant
    nlohmann::json fields;    ///< an object

    [[nodiscard]] nlohmann::json to_json() const;
    [[nodiscard]] static TraceEvent from_json(const nlohmann::json& json); ///< throws RequestError
};

/// Thread-safe. Secrets are redacted by whoever adds an event, as `show_secrets` says.
class Trace {
public:
    /// Whether events() has them later: without, memory does not grow with what happens.
    enum class Keep : std::uint8_t { everything, nothing };
    explicit Trace(bool show_secrets = false, Keep keep = Keep::everything);

    /// Whether anybody gets to see what is added: where not, a caller may save itself an event that is
    /// costly to make.
    [[nodiscard]] bool wanted() const;
    void add(std::string kind, int reader, nlohmann::json fields);
    /// How many were added since it began.
    [[nodiscard]] std::size_t size() const;
    /// Without events, as one that begins now. What somebody adds meanwhile is one of either.
    void begin_anew();
    /// All events so far but the first ones; none where none are kept.
    [[nodiscard]] std::vector<TraceEvent> events_from(std::size_t first) const;
    /// All events so far; none where none are kept.
    [[nodiscard]] std::vector<TraceEvent> events() const;
    [[nodiscard]] bool show_secrets() const { return show_secrets_; }
    /// Called with each event as it is added, under the trace's lock.
    void set_listener(std::function<void(const TraceEvent&)> listener);

private:
    bool show_secrets_;
    Keep keep_;
    std::chrono::steady_clock::time_point begin_;
    mutable std::mutex mutex_;
    std::uint64_t last_number_ = 0;
    std::vector<TraceEvent> events_;
    std::function<void(const TraceEvent&)> listener_;
};

} // namespace cardrig::harness
