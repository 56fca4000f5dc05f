// The authority of a scenario: it issues the scenario's cards, serves its clients over HTTPS on loopback, and
// misbehaves as planned.
#pragma once

#include "harness/authority/authority.h"
#include "harness/hand/hand.h"
#include "harness/scenario.h"
#include "harness/trace.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace cardrig::harness {

/// Made before the scenario's cards, which it issues; started when the rig is there. Its requests are in the
/// trace: kind `authority`, with `request`, `object`, `status` (0: no answer), `code` where refused,
/// `renewal` and `card` where known.
class ScenarioAuthority final {
public:
    /// `now` is the scenario's clock. All outlive it.
    ScenarioAuthority(const Scenario& scenario, std::optional<std::uint64_t> seed,
                      std::function<std::chrono::sys_seconds()> now, Trace& trace);
    ScenarioAuthority(const ScenarioAuthority&) = delete;
    ScenarioAuthority& operator=(const ScenarioAuthority&) = delete;
    /// Ends the server and every request that hangs.
    ~ScenarioAuthority();

    [[nodiscard]] Authority& authority();
    /// The scenario's cards, with the roles and revocations that it says.
    void enrol(const std::vector<MadeCard>& cards);
    /// Serves from now on, on threads: the rig is there. Faults of its places that move something are done by
    /// `hand`. Throws HostError.
    void start(Hand& hand);
    /// Told of each request when it is over and in the trace, before its answer leaves. While no client runs.
    void set_on_request(std::function<void()> on_request);
    /// Before the hand, and the rig, end: no request is under way any more.
    void stop();
    /// {authority-url}, {authority-token}, {authority-ca} (root.crt in `folder`, PEM), and {unlock-code-NAME}
    /// for each card, {unlock-code} for the first. It serves already.
    [[nodiscard]] std::map<std::string, std::string> hand_out(const std::string& folder);
    [[nodiscard]] std::vector<std::string> secrets() const;

    /// For the run that comes: places of the authority alone. Requests are counted from now.
    void plan(std::vector<Fault> faults);
    /// What has not happened; requests that hang are ended.
    std::vector<Fault> forget();
    /// What of the plan could not be done when it was due; and what clients saw less of than was asked for.
    [[nodiscard]] std::vector<std::string> failures() const;
    [[nodiscard]] std::vector<std::string> notices() const;

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

} // namespace cardrig::harness
