// The cards of a scenario, from their making to what is kept of them.
#pragma once

#include "emulator/card_image.h"
#include "harness/hand/hand.h"
#include "harness/profile.h"
#include "harness/reader_kind.h"
#include "harness/rig.h"
#include "harness/rigged_card.h"
#include "harness/scenario.h"
#include "harness/scenario_report.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cardrig::harness {

/// Makes the cards, as the run will: throws RequestError where that cannot be done. `issuer` may be nobody,
/// for who only wants to know whether they can be made.
[[nodiscard]] std::vector<MadeCard>
make_scenario_cards(const Scenario& scenario, std::chrono::sys_seconds now, CardIssuer* issuer = nullptr);
/// Throws RequestError where a kind of reader cannot have a scenario's readers.
void check_scenario_readers(const Scenario& scenario, ReaderKind kind);

/// Each in the scenario's order. They outlive the rig that they are put into.
class ScenarioCards {
public:
    ScenarioCards(const Scenario& scenario, std::optional<std::uint64_t> seed, std::chrono::sys_seconds now,
                  CardIssuer& issuer, Trace& trace);

    [[nodiscard]] std::size_t size() const { return rigged_.size(); }
    [[nodiscard]] RiggedCard& card(std::size_t index) const { return *rigged_[index]; }
    [[nodiscard]] const MadeCard& made(std::size_t index) const { return made_[index]; }
    [[nodiscard]] const std::vector<MadeCard>& made() const { return made_; }
    [[nodiscard]] const std::string& name(std::size_t index) const { return scenario_.cards[index].name; }
    /// The same where a scenario has several cards; else empty, as nobody has to be told which one is meant.
    [[nodiscard]] std::string shown_name(std::size_t index) const;
    [[nodiscard]] std::vector<emulator::CardImage> images() const;
    /// Whether the client is gone: what a card is made to wait for then is over, and so is, when this
    /// returns, what it was about.
    void set_forsaken(bool forsaken) const;
    /// The same for good: the scenario is over.
    void hurry() const;
    /// Each as it was in these images, with the seed (RiggedCard::rewind()). Only while all are out.
    void rewind(const std::vector<emulator::CardImage>& images, std::uint64_t seed) const;
    /// So far is their date from the host's.
    void set_clock_offset(std::chrono::seconds offset) const;

    /// The readers, with what is in them when the first run begins.
    [[nodiscard]] std::vector<RigReaderPlan> readers() const;
    [[nodiscard]] std::vector<HandCard> for_hand() const;

    /// What must not be shown: passcodes, unblocking codes, management keys.
    [[nodiscard]] std::vector<std::string> secrets() const;
    /// Writes each issuer's certificate and key below `folder`, and returns the placeholders for these
    /// folders and for the management keys. Throws HostError, RequestError.
    [[nodiscard]] std::map<std::string, std::string> hand_out(const std::string& folder) const;

    [[nodiscard]] std::vector<CardCourse> courses() const;
    /// Writes what each was and what it is. Throws RequestError.
    void keep(const std::string& folder) const;

private:
    const Scenario& scenario_;
    std::vector<MadeCard> made_;
    std::vector<std::unique_ptr<RiggedCard>> rigged_;
};

} // namespace cardrig::harness
