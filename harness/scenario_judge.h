// Judges what each run of a scenario left: outcome, trace, authority, cards, promises, and the windows
// between runs.
#pragma once

#include "emulator/card_image.h"
#include "harness/run_promises.h"
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
    void judge(const FinishedRun& finished, const RunFindings& findings);
    [[nodiscard]] std::vector<Shortfall> judge_card(const FinishedRun& finished, std::size_t card,
                                                    const RunFindings& findings) const;
    void judge_unfinished(const FinishedRun& finished, RunFindings& findings);
    void report(const FinishedRun& finished, std::vector<Shortfall> found);
    void watch_windows(const FinishedRun& finished, const RunFindings& findings);
    void add_notices(const FinishedRun& finished, const std::vector<std::string>& notices, bool failed);

    const Scenario& scenario_;
    const ScenarioCards& cards_;
    ScenarioReport& report_;
    emulator::InspectionMemo memo_;
    RunPromises promises_;
    struct Window {
        std::size_t place; ///< in the report
        std::string act;   ///< the run of which the scenario says it; empty: it says nothing
    };
    /// By card and promise.
    std::map<std::pair<std::size_t, std::string>, std::vector<Window>> open_windows_;
};

} // namespace cardrig::harness
