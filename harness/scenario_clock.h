// A scenario's date: the host's, or so far from it.
#pragma once

#include "harness/rig.h"
#include "harness/scenario.h"

#include <atomic>
#include <chrono>
#include <map>
#include <string>

namespace cardrig::harness {

/// Thread-safe.
class ScenarioClock final {
public:
    explicit ScenarioClock(const Scenario& scenario);

    [[nodiscard]] std::chrono::sys_seconds now() const;
    [[nodiscard]] std::chrono::seconds offset() const { return offset_; }
    /// So much later, for whoever asks from now on.
    void move(std::chrono::seconds time) { offset_ = offset_.load() + time; }

    /// Adds what lets a client see that date, where it is not the host's. Throws HostError.
    void add_to(std::map<std::string, std::string>& environment) const;
    /// Runs a small program as clients are run, and throws HostError where it does not see the date;
    /// Interrupted.
    void prove(Rig& rig) const;

private:
    bool faked_;
    std::atomic<std::chrono::seconds> offset_;
};

} // namespace cardrig::harness
