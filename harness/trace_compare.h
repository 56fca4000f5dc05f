// Traces compared by what happened: with a seed, the same client gives the same normalised trace.
//
// Normalised, a trace is for each reader the row of its commands (meaning, object, block, length of the
// data), of their answers (status word, length, whether the card was reached), of faults, of cards that were
// put in (which one, where that is said), left or stayed mute. Times, random numbers, memory writes, what the
// client printed, and power events, which depend on when the daemon finds a card idle, are left aside; so is
// in what order two readers were used.
#pragma once

#include "harness/trace.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace cardrig::harness {

struct NormalisedEvent {
    std::uint64_t number = 0; ///< of the event in its trace
    std::string what;         ///< "put-data signature-certificate block 3", "fault remove at verify #1"
    /// Of an APDU; a length that was redacted is not known, and equals any.
    std::optional<std::size_t> command_length;
    std::optional<std::size_t> answer_length;
    std::string status; ///< "63C2", "no answer"; with what the card said where the client saw something else

    [[nodiscard]] bool same_as(const NormalisedEvent& other) const;
    /// "verify passcode, 8 bytes: 9000"
    [[nodiscard]] std::string text() const;
};

/// By reader; what belongs to none is under -1.
using NormalisedTrace = std::map<int, std::vector<NormalisedEvent>>;
/// Throws RequestError at an APDU whose bytes are no hexadecimal; `file` is what the message calls the trace.
[[nodiscard]] NormalisedTrace normalised(const std::vector<TraceEvent>& trace, const std::string& file);

/// The first place where two traces differ: an event is missing where one of them has ended.
struct TraceDifference {
    int reader = 0;
    std::size_t position = 0; ///< among the reader's events, from 1
    std::optional<NormalisedEvent> first;
    std::optional<NormalisedEvent> second;
};

/// For each reader that differs, its first difference.
[[nodiscard]] std::vector<TraceDifference> compare(const NormalisedTrace& first,
                                                   const NormalisedTrace& second);

} // namespace cardrig::harness
