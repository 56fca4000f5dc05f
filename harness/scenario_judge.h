// Judges what each run of a scenario left: outcome, trace, authority, cards, promises, and the windows
// between runs.
#pragma once

#include "emulator/card_image.h"
#include "harness/authority/authority.h"
#include "harness/authority_expectations.h"
#include "harness/expectations.h"
#include "harness/invariants.h"
#include "harness/scenario.h"
#include "harness/scenario_cards.h"
#include "harness/scenario_report.h"
#include "harness/trace.h"

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cardrig::harness {

/// One run of the client, when it is over.
struct FinishedRun {
    const ScenarioRun& run;
    std::size_t number; ///< from 1
    std::string act;    ///< as reports call it
    const RunOutcome& outcome;
    const std::vector<emulator::CardImage>& before; ///< the cards when it began
    std::vector<TraceEvent> events;                 ///< its own
    std::chrono::sys_seconds now;
    std::vector<IssueRecord> issued = {}; ///< Authority::issued(); empty without one
};

class ScenarioJudge {
public:
    /// All outlive it; what falls short and which windows there are goes to the report.
    ScenarioJudge(const Scenario& scenario, const ScenarioCards& cards, ScenarioReport& report);

    void judge(const FinishedRun& finished);

    /// Of a Convergence, run by run: true where nothing is left to be done, and where this was the last try.
    /// Then the run has been judged by what its scenario expects, and I9 with it. Else it was judged by what
    /// no run may do, and there is to be another.
    [[nodiscard]] bool judge_attempt(const FinishedRun& finished, bool last);

    /// The scenario is over: windows that it spoke of and that no run has closed are shortfalls.
    void finish();

private:
    /// The cards when a run is over, and what was promised of them.
    struct Findings {
        std::vector<emulator::CardImage> after;
        std::vector<std::vector<Promise>> promises; ///< by card; those of the run are the first's
        std::optional<std::string> job_unfinished;  ///< why the client is not through with its card
    };

    [[nodiscard]] Findings look(const FinishedRun& finished) const;
    [[nodiscard]] std::vector<Promise> promises_of(const FinishedRun& finished, std::size_t card,
                                                   const emulator::CardImage& after) const;
    [[nodiscard]] std::vector<Promise> promises_of_run(const FinishedRun& finished,
                                                       const emulator::CardImage& after) const;
    [[nodiscard]] std::optional<std::string> unfinished(const FinishedRun& finished,
                                                        const Findings& findings) const;
    [[nodiscard]] Promise convergence(const FinishedRun& finished, const Findings& findings) const;
    void judge(const FinishedRun& finished, const Findings& findings);
    [[nodiscard]] std::vector<Shortfall> judge_card(const FinishedRun& finished, std::size_t card,
                                                    const Findings& findings) const;
    void judge_unfinished(const FinishedRun& finished, Findings& findings);
    void report(const FinishedRun& finished, std::vector<Shortfall> found);
    void watch_windows(const FinishedRun& finished, const Findings& findings);
    void add_notices(const FinishedRun& finished, const std::vector<std::string>& notices, bool failed);

    const Scenario& scenario_;
    const ScenarioCards& cards_;
    ScenarioReport& report_;
    CertificateLedger ledger_;
    struct Window {
        std::size_t place; ///< in the report
        std::string act;   ///< the run of which the scenario says it; empty: it says nothing
    };
    /// By card and promise.
    std::map<std::pair<std::size_t, std::string>, std::vector<Window>> open_windows_;
};

} // namespace cardrig::harness
