// Places in a trace that is there already: which of its events are at a place.
#pragma once

#include "harness/place.h"
#include "harness/trace.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cardrig::harness {

/// What the event of a command says of it, in the words of places.
struct TracedCommand {
    std::string name;   ///< "put-data"
    std::string object; ///< "signature-certificate"; empty where there is none
    std::uint32_t block = 1;
    /// What the card itself answered: "63C2"; empty where the command did not reach it, or power failed.
    std::string card_status;
};

/// None where the event is no command's.
[[nodiscard]] std::optional<TracedCommand> traced_command(const TraceEvent& event);

/// The code that a command compared and that was wrong, or blocked: the card answered 63Cx or 6983. Asking
/// for the tries that are left compares nothing (SP 800-73-4 part 2, 3.2.1).
struct FailedTry {
    std::string command; ///< "verify", "change-reference-data", "reset-retry-counter"
    std::string object;  ///< "passcode"
    /// None: the code was blocked already, and no try was spent.
    std::optional<std::uint32_t> left;
};
[[nodiscard]] std::optional<FailedTry> failed_try(const TraceEvent& event);

/// Whether a command or a request is at a place, apart from its number, block, write and moment.
/// `first_card`: whom a place without a card means, and an event without one happened to. A place without an
/// object means any, but `verify` no question for the tries that are left (`verify passcode-status`).
[[nodiscard]] bool is_at(const TraceEvent& event, const Place& place, std::string_view first_card);

/// The event of the place's occurrence: a whole chain is one, and is its first block. None: there are fewer.
[[nodiscard]] const TraceEvent* find_place(const std::vector<TraceEvent>& events, const Place& place,
                                           std::string_view first_card);

/// The first event at a place that is without a card and means every card.
[[nodiscard]] const TraceEvent* find_place_at_any_card(const std::vector<TraceEvent>& events,
                                                       const Place& place);

/// A place of a trace, as it is written there: without a moment.
[[nodiscard]] std::string trace_place_text(const Place& place);

/// Where in the trace it is and what, for reports: "event 57: verify passcode, answered 63C2, card agent".
[[nodiscard]] std::string event_text(const TraceEvent& event);

} // namespace cardrig::harness
