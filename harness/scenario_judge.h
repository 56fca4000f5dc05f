// Judges what each run of a scenario left: outcome, cards, promises, and the windows between runs.
#pragma once

#include "emulator/card_image.h"
#include "harness/expectations.h"
#include "harness/invariants.h"
#include "harness/scenario.h"
#include "harness/scenario_cards.h"
#include "harness/scenario_report.h"
#include "harness/trace.h"

#include <chrono>
#include <map>
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
};

class ScenarioJudge {
public:
    /// All outlive it; what falls short and which windows there are goes to the report.
    ScenarioJudge(const Scenario& scenario, const ScenarioCards& cards, ScenarioReport& report);

    void judge(const FinishedRun& finished);

private:
    void judge_card(const FinishedRun& finished, std::size_t card, const emulator::CardImage& after,
                    std::vector<Shortfall>& found);
    void watch_windows(const FinishedRun& finished, std::size_t card, const std::vector<Promise>& promises);

    const Scenario& scenario_;
    const ScenarioCards& cards_;
    ScenarioReport& report_;
    /// By card and promise; places in the report.
    std::map<std::pair<std::size_t, std::string>, std::vector<std::size_t>> open_windows_;
};

} // namespace cardrig::harness
