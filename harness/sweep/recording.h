// The undisturbed run of a sweep: what everything else is aimed by.
#pragma once

#include "emulator/card_image.h"
#include "harness/authority/authority.h"
#include "harness/expectations.h"
#include "harness/trace.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace cardrig::harness {

/// What a card's memory was asked to do: a write within one page, or a sync.
struct MemoryStep {
    enum class Kind : std::uint8_t { write, sync };
    Kind kind = Kind::write;
    std::size_t card = 0; ///< by place in the scenario
    std::uint64_t number =
        0; ///< of the card's writes, from 1: as `write #n` counts them in this run; 0: a sync
    std::uint32_t offset = 0;
    emulator::Bytes bytes;
    /// Index in Recording::events of the command that is under way: its event, which is added when it is
    /// over; events.size() outside any command.
    std::size_t event = 0;
    std::size_t requests = 0; ///< of the authority's, that were over before it
};

struct Recording {
    std::vector<emulator::CardImage>
        made; ///< the cards when the scenario began, which promises are held against
    std::vector<emulator::CardImage> start; ///< when the client's run began: what the steps are made on
    std::vector<emulator::CardImage> end;
    std::vector<std::string> card_names;
    std::vector<std::vector<std::string>> passcodes; ///< by card: all that may be its passcode at some time
    std::vector<MemoryStep> steps;                   ///< of all cards, in order
    std::vector<TraceEvent> events;                  ///< the run's
    std::vector<AuthorityState>
        authority; ///< after so many requests, from 0: one more than there were requests
    RunOutcome outcome;
    bool renewed = false;       ///< the first card's pair: what is asked of a recovery, too
    std::uint32_t commands = 0; ///< delivered to all cards
    std::chrono::sys_seconds now;

    /// Of all cards.
    [[nodiscard]] std::uint64_t writes() const;
    /// A digest (hex) of the normalised trace, the number of writes of each card and the authority's
    /// requests: equal where two recordings can be aimed at by the same places.
    [[nodiscard]] std::string digest() const;
    /// Where two recordings differ in that, in words, at most a few; empty: nowhere.
    [[nodiscard]] static std::vector<std::string> differences(const Recording& first,
                                                              const Recording& second);
};

} // namespace cardrig::harness
