// The promises of a run and its client, judged with the first card, which a scenario is about: I3 pair
// coherence; I8 truthful client; I9 convergence; I10 liveness; I11 passcode economy. scenarios/README.md says
// what each means.
#pragma once

#include "emulator/card_image.h"
#include "harness/authority/authority.h"
#include "harness/expectations.h"
#include "harness/invariants.h"
#include "harness/scenario.h"
#include "harness/trace.h"

#include <chrono>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace cardrig::harness {

struct ClientEvidence {
    const ScenarioRun& run;
    const RunOutcome& outcome;
    const std::map<std::string, std::string>&
        words;                        ///< the client's, by meaning; empty where nobody told them
    const emulator::CardImage& start; ///< the first card when the scenario began
    const emulator::CardImage& before_run;
    const emulator::CardImage& after_run;
    const std::vector<TraceEvent>& events; ///< of this run and all cards
    std::span<const IssueRecord> issued;   ///< by the authority, so far
    std::chrono::seconds window;           ///< before their end certificates are due
    std::chrono::sys_seconds now;
    const std::string& issuer;                ///< the certificate (PEM) of who alone may renew
    emulator::InspectionMemo* memo = nullptr; ///< as Evidence::memo

    [[nodiscard]] emulator::Result<emulator::CardState> look(const emulator::CardImage& image) const {
        return memo == nullptr ? emulator::inspect(image) : emulator::inspect(image, *memo);
    }
};

/// I3, I8, I10, I11.
[[nodiscard]] std::vector<Promise> check_client(const ClientEvidence& evidence);

[[nodiscard]] Promise pair_incoherent(const ClientEvidence& evidence);
[[nodiscard]] std::optional<std::string> untruthful(const ClientEvidence& evidence);
[[nodiscard]] Promise not_live(const ClientEvidence& evidence);
[[nodiscard]] std::optional<std::string> uneconomical(const ClientEvidence& evidence);

/// Why the pair of a card is not renewed: in date for longer than the window, each certificate in the name
/// that its slot had when the scenario began, with its key, which really signs, and signed by the issuer
/// where the card did not begin with it. None: it is.
[[nodiscard]] std::optional<std::string> pair_not_renewed(const ClientEvidence& evidence);

} // namespace cardrig::harness
