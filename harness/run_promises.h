// What a finished run of the client left, held against the promises: what scenarios and sweeps judge by
// alike.
#pragma once

#include "emulator/card_image.h"
#include "emulator/inspection.h"
#include "harness/authority/authority.h"
#include "harness/authority_expectations.h"
#include "harness/expectations.h"
#include "harness/invariants.h"
#include "harness/invariants_client.h"
#include "harness/scenario.h"
#include "harness/scenario_cards.h"
#include "harness/trace.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cardrig::harness {

/// One run of the client, when it is over. `run` outlives it.
struct FinishedRun {
    const ScenarioRun& run;
    std::size_t number; ///< from 1
    std::string act;    ///< as reports call it
    RunOutcome outcome;
    std::vector<emulator::CardImage> before; ///< the cards when it began
    std::vector<TraceEvent> events;          ///< its own
    std::chrono::sys_seconds now;
    std::vector<IssueRecord> issued = {}; ///< Authority::issued(); empty without one
};

/// The cards when a run is over, and what was promised of them.
struct RunFindings {
    std::vector<emulator::CardImage> after;
    std::vector<std::vector<Promise>> promises; ///< by card; those of the run are the first's
    std::optional<std::string> job_unfinished;  ///< why the client is not through with its card
};

/// What the client is to have done when it is through.
enum class Job : std::uint8_t {
    renewal,      ///< the first card's pair is renewed
    renewal_once, ///< the same; where it was so when the run began, the client may say by any status of its
                  ///< own that nothing is to be done
    any,          ///< nobody knows: it ends with 0
};

/// Of the runs of one client, from the cards' making on.
class RunPromises final {
public:
    /// All outlive it. `memo`: what is found out of the cards' keys, also for the next one's runs.
    RunPromises(const Scenario& scenario, const ScenarioCards& cards, emulator::InspectionMemo& memo);

    /// Looks at the cards as they are now. Each run once, in order, as it remembers what was on the cards.
    [[nodiscard]] RunFindings look(const FinishedRun& finished);
    /// Why the client is not through with the job: none where it ended with 0, the job is done, nothing is
    /// left half written and all promises hold.
    [[nodiscard]] std::optional<std::string>
    unfinished(const FinishedRun& finished, const RunFindings& findings, Job job = Job::renewal) const;
    /// I9, when there will be no further run: by RunFindings::job_unfinished, and by what the authority
    /// issued and nobody used.
    [[nodiscard]] Promise convergence(const FinishedRun& finished, const RunFindings& findings) const;
    /// Why the first card's pair is not renewed; none: it is.
    [[nodiscard]] std::optional<std::string> not_renewed(const FinishedRun& finished,
                                                         const emulator::CardImage& after) const;
    [[nodiscard]] const CertificateLedger& ledger() const { return ledger_; }

private:
    [[nodiscard]] std::vector<Promise> promises_of(const FinishedRun& finished, std::size_t card,
                                                   const emulator::CardImage& after) const;
    [[nodiscard]] ClientEvidence evidence_of(const FinishedRun& finished,
                                             const emulator::CardImage& after) const;
    [[nodiscard]] bool left_unfinished(const emulator::CardImage& image) const;

    const Scenario& scenario_;
    const ScenarioCards& cards_;
    emulator::InspectionMemo& memo_;
    CertificateLedger ledger_;
};

/// What a run that may leave its work half done still must not do: a promise that may be broken until the
/// client has been run again.
[[nodiscard]] bool may_wait(const Promise& promise);

} // namespace cardrig::harness
