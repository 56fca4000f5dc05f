// The one table of verbs: what each is called, what it takes, what it is and where it can be. A new verb is a
// row here, a name in Verb, and whatever RiggedCard does for it.
#pragma once

#include "harness/fault.h"

#include <array>
#include <cstdint>
#include <string_view>

namespace cardrig::harness {

/// What stands behind a verb, before `card` and `reader`.
enum class Argument : std::uint8_t {
    none,
    tearing, ///< may be left out
    status,
    bytes, ///< a number of them
    data,  ///< in hex
    bit,
    time,
    room,
    http_status,
};

/// Where a verb can be.
enum class Spot : std::uint8_t {
    anywhere,
    command,     ///< before or after one: not at a memory write
    after,       ///< where there is an answer to change
    request,     ///< of the authority
    certificate, ///< of the authority, one for a certificate, `before`
};

struct VerbRow {
    Verb verb{};
    std::string_view word;
    Argument argument{};
    bool takes_card = false;
    bool takes_reader = false;
    Target target{};
    bool interrupts = false;
    bool changes_answer = false;
    Spot spot = Spot::anywhere;
};

inline constexpr auto verb_rows = std::to_array<VerbRow>({
    // verb, word, argument, card, reader, target, interrupts, changes_answer, spot
    {Verb::insert, "insert", Argument::none, true, true, Target::reader, false, false, Spot::anywhere},
    {Verb::remove, "remove", Argument::tearing, false, true, Target::reader, true, false, Spot::anywhere},
    {Verb::swap, "swap", Argument::tearing, true, true, Target::reader, true, false, Spot::anywhere},
    {Verb::reset, "reset", Argument::tearing, false, true, Target::card, false, false, Spot::anywhere},
    {Verb::cut_power, "cut-power", Argument::tearing, false, true, Target::card, true, false, Spot::anywhere},
    {Verb::unplug, "unplug", Argument::tearing, false, true, Target::reader, true, false, Spot::anywhere},
    {Verb::plug, "plug", Argument::none, false, true, Target::reader, false, false, Spot::anywhere},
    {Verb::answer, "answer", Argument::status, false, true, Target::command, false, true, Spot::command},
    {Verb::truncate, "truncate", Argument::bytes, false, true, Target::command, false, true, Spot::after},
    {Verb::extend, "extend", Argument::data, false, true, Target::command, false, true, Spot::after},
    {Verb::flip, "flip", Argument::bit, false, true, Target::command, false, true, Spot::after},
    {Verb::delay, "delay", Argument::time, false, true, Target::command, false, false, Spot::anywhere},
    {Verb::fill_memory, "fill-memory", Argument::room, false, true, Target::card, false, false,
     Spot::command},
    {Verb::kill_client, "kill-client", Argument::none, false, false, Target::client, false, false,
     Spot::anywhere},
    {Verb::refuse, "refuse", Argument::none, false, false, Target::authority, false, false, Spot::request},
    {Verb::fail, "fail", Argument::http_status, false, false, Target::authority, false, false, Spot::request},
    {Verb::hang, "hang", Argument::none, false, false, Target::authority, false, false, Spot::request},
    {Verb::drop, "drop", Argument::none, false, false, Target::authority, false, false, Spot::request},
    {Verb::later, "later", Argument::time, false, false, Target::authority, false, false, Spot::certificate},
    {Verb::wrong_key, "wrong-key", Argument::none, false, false, Target::authority, false, false,
     Spot::certificate},
    {Verb::wrong_holder, "wrong-holder", Argument::none, false, false, Target::authority, false, false,
     Spot::certificate},
    {Verb::past_dates, "past-dates", Argument::none, false, false, Target::authority, false, false,
     Spot::certificate},
    {Verb::too_large, "too-large", Argument::none, false, false, Target::authority, false, false,
     Spot::certificate},
    {Verb::log_out, "log-out", Argument::none, false, false, Target::authority, false, false, Spot::request},
    {Verb::wait, "wait", Argument::none, false, false, Target::nobody, false, false, Spot::anywhere},
});

[[nodiscard]] const VerbRow& row_of(Verb verb);

} // namespace cardrig::harness
