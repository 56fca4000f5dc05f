// Holds what a run left against what its scenario expects.
#pragma once

#include "emulator/card_image.h"
#include "harness/invariants.h"
#include "harness/scenario.h"
#include "harness/scenario_report.h"

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace cardrig::harness {

/// A client that sends more is ended, whatever its scenario is about: no flow comes near it.
inline constexpr std::uint32_t most_apdus_of_a_run = 20'000;

struct RunOutcome {
    std::optional<int> exit_status;    ///< none: it did not end by itself
    bool killed = false;               ///< a signal ended it, and not the rig because of its limit
    std::string ending;                ///< how it ended, in words
    std::string output;                ///< both streams
    bool output_cut = false;           ///< there was more, which nobody kept
    std::vector<Fault> pending{};      ///< faults that did not happen
    std::vector<std::string> undone{}; ///< what could not be done when a fault was due, and why
    int signal = 0;                    ///< which one ended it, or 0
    bool timed_out = false;            ///< the rig ended it after its limit
    bool flooded = false;        ///< the rig killed it, because it sent more APDUs than any client needs
    bool left_processes = false; ///< it ended and left some behind, which were ended
    std::chrono::milliseconds took{0};      ///< from the client's start to its end
    std::vector<std::string> unused_acts{}; ///< of the person: file:line:column of what it never came to
};

/// After so many APDUs the client of this run is ended.
[[nodiscard]] std::uint32_t flood_limit(const Expectation& expect);

/// Shortfalls of one run, without the act and the card, which the caller knows.
[[nodiscard]] std::vector<Shortfall> check_outcome(const Expectation& expect, const RunOutcome& outcome);

/// Meanings that it must say and must not, in the client's own words. Of what it has no words for nothing is
/// judged; `notices` gets told.
[[nodiscard]] std::vector<Shortfall> check_sayings(const Expectation& expect, const std::string& output,
                                                   const std::map<std::string, std::string>& words,
                                                   std::vector<std::string>& notices);

/// Where the card is to be `unchanged`: what differs since the run began, and of which the scenario says
/// nothing.
[[nodiscard]] std::vector<Shortfall> check_unchanged(const CardExpectation& expect,
                                                     const emulator::CardImage& before_run,
                                                     const emulator::CardImage& after);

/// The card by meaning, against `baseline`: the card when the run or the scenario began, as the expectation
/// says. `issuer`: the certificate (PEM) of who alone may issue what counts as renewed.
[[nodiscard]] std::vector<Shortfall> check_card(const CardExpectation& expect,
                                                const emulator::CardImage& baseline,
                                                const emulator::CardImage& after,
                                                std::chrono::sys_seconds now, const std::string& issuer);

/// Promises of one card against what the scenario says of them.
[[nodiscard]] std::vector<Shortfall> check_promises(const CardExpectation& expect,
                                                    const std::vector<Promise>& promises);

} // namespace cardrig::harness
