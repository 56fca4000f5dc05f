// Holds what the authority issued against what a scenario says of it: how much, and what of it nobody uses.
#pragma once

#include "emulator/card_image.h"
#include "emulator/inspection.h"
#include "harness/authority/authority.h"
#include "harness/scenario.h"
#include "harness/scenario_report.h"
#include "harness/trace.h"

#include <set>
#include <span>
#include <string>
#include <vector>

namespace cardrig::harness {

/// Which certificates are used: those that are on a card, or were. It sees cards and commands as a scenario
/// goes on; what was on a card from the start was not issued in it.
class CertificateLedger {
public:
    CertificateLedger() = default;
    /// `memo`: what is found out of the cards' keys, which outlives it; null: nothing is kept.
    explicit CertificateLedger(const std::vector<emulator::CardImage>& at_start,
                               emulator::InspectionMemo* memo = nullptr);

    /// A run is over: the cards as it left them, and its own events.
    void see(const std::vector<emulator::CardImage>& cards, const std::vector<TraceEvent>& events);

    /// Of the authority's record, what was issued since the scenario began.
    [[nodiscard]] std::vector<IssueRecord> issued(std::span<const IssueRecord> record) const;
    /// Of these what is on no card and never was on one.
    [[nodiscard]] std::vector<IssueRecord> unused(std::span<const IssueRecord> record) const;
    /// Whether it was on a card from the start.
    [[nodiscard]] bool from_start(const emulator::Bytes& certificate) const;

private:
    void collect(const emulator::CardImage& card, std::set<std::string>& certificates) const;

    emulator::InspectionMemo* memo_ = nullptr;
    std::set<std::string> from_start_; ///< DER in hex, as is what follows
    std::set<std::string> seen_;
    std::vector<emulator::Bytes> written_; ///< what cards took as data objects, as it was sent
};

/// "9A of renewal 3F2A , whose answer was lost": for reports.
[[nodiscard]] std::string issue_text(const IssueRecord& record);

[[nodiscard]] std::vector<Shortfall> check_authority(const AuthorityExpectation& expect,
                                                     const CertificateLedger& ledger,
                                                     std::span<const IssueRecord> record);

} // namespace cardrig::harness
