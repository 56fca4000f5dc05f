// A fault: a place and an effect. The one table of verbs.
#pragma once

#include "apdu/bytes.h"
#include "apdu/result.h"
#include "apdu/status_word.h"
#include "harness/faulty_nvm.h"
#include "harness/place.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cardrig::harness {

/// What is done to a card or a reader, for scenarios, the hand, Python and replay. What each takes, and where
/// it can be, stands in one table (fault_verbs.h).
enum class Verb : std::uint8_t {
    insert,    ///< `insert`, `insert card agent reader 2`
    remove,    ///< `remove`, `remove reader 2`; at a memory write torn as by cut-power
    swap,      ///< `swap card agent`: another card in place of the one that is in
    reset,     ///< the card forgets all that is volatile, and keeps its power; at a memory write it fails
               ///< there and starts again by itself
    cut_power, ///< `cut-power`, `cut-power prefix half`: the card stays in, and is silent until it is powered
               ///< on again
    unplug,    ///< the reader is pulled out
    plug,      ///< and plugged in again
    answer,    ///< `answer 6A80`: this in place of the card's answer
    truncate,  ///< `truncate 3 bytes`: so many are missing at the answer's end
    extend,    ///< `extend 00FF`: these bytes are added before the status word
    flip,      ///< `flip bit 17`: one bit of the answer, counted from 0 from the first byte's highest
    delay,     ///< `delay 500 ms`: before the command is delivered, or before its answer leaves
    fill_memory,  ///< `fill-memory leaving 100 bytes`: so much is free afterwards
    kill_client,  ///< SIGKILL for the client, and for whatever it started
    refuse,       ///< the authority says no: `refuse`
    fail,         ///< `fail 503`: it answers with this HTTP status, 400 to 599
    hang,         ///< it never answers
    drop,         ///< it closes the connection: `after`, it has done what it was asked for
    later,        ///< `later 2 s`: it asks to come back then
    wrong_key,    ///< it certifies another key than the one that it was asked for
    wrong_holder, ///< ... for another holder
    past_dates,   ///< ... with dates that are past
    too_large,    ///< ... in a certificate that no card has room for
    log_out,      ///< the session is over before the request is looked at
    wait,         ///< nothing; whoever waits for this place is told (the hand's `wait`)
};

[[nodiscard]] std::string_view word(Verb verb);
[[nodiscard]] std::optional<Verb> verb_from_word(std::string_view word);

/// What a verb is done to. Done now, without a place, it waits for what that is: for clients to see a
/// reader's move, for the card's command to end (but `cut-power`), for the next command.
enum class Target : std::uint8_t {
    reader,  ///< its card, or the reader itself, is moved
    card,    ///< the one in the reader
    command, ///< that command, or its answer
    client,
    authority, ///< its answer; such a verb is for places of the authority alone
    nobody,
};
[[nodiscard]] Target target(Verb verb);
/// Whether there has to be an answer, which it changes or replaces.
[[nodiscard]] bool changes_answer(Verb verb);
/// Whether it moves something (a card, a reader, the client), which the world around the card does; the card
/// does the others itself.
[[nodiscard]] bool moves(Verb verb);
/// Whether the command at whose place it happens gets no answer, where it happens to that card or its reader.
[[nodiscard]] bool interrupts(Verb verb);

inline constexpr std::chrono::microseconds longest_delay = std::chrono::hours(1);

struct Effect {
    Verb verb = Verb::cut_power;
    std::optional<Tearing> tearing{}; ///< cut_power, remove, ... at a memory write; none: as by Tearing{}
    apdu::StatusWord status = apdu::sw::no_precise_diagnosis; ///< answer
    std::string card{};                    ///< insert, swap: a card's name; empty: as Hand says
    std::optional<std::uint32_t> reader{}; ///< from 1; none: where the place's card is, else the first
    /// fail: HTTP status; truncate: bytes, from 1; flip: the bit's number, less than 2^19; fill_memory: bytes
    /// left
    std::uint32_t count = 0;
    apdu::Bytes bytes{};               ///< extend: 1 to 4096
    std::chrono::microseconds time{0}; ///< delay: 1 us to longest_delay

    /// The verb; what it takes of its own; then `card NAME`, then `reader N`. All but the verb's own value
    /// may be left out.
    ///
    ///     insert [card NAME] [reader N]                answer 6A80          [reader N]
    ///     remove [TEARING] [reader N]                  truncate 3 bytes     [reader N]
    ///     swap [TEARING] [card NAME] [reader N]        extend 00FF          [reader N]
    ///     reset [TEARING] [reader N]                   flip bit 17          [reader N]
    ///     cut-power [TEARING] [reader N]               delay 500 ms         [reader N]
    ///     unplug [TEARING] [reader N]                  fill-memory leaving 100 bytes [reader N]
    ///     plug [reader N]                              kill-client
    ///                                                  wait
    ///     of the authority: refuse, fail 503, hang, drop, later 2 s, wrong-key, wrong-holder, past-dates,
    ///     too-large, log-out
    ///
    /// TEARING is Tearing's notation; times are in `us`, `ms`, `s` or `minutes`, memory in `bytes` or `KiB`.
    /// Fails with a message that names the offending word and the right form.
    [[nodiscard]] static apdu::Result<Effect> parse(std::string_view text);
    /// The same notation, in its shortest form.
    [[nodiscard]] std::string text() const;
    friend bool operator==(const Effect&, const Effect&) = default;
};

struct Fault {
    Place place;
    Effect effect;
    std::uint64_t id = 0; ///< given by the plan that it is in
    /// Fails where the two do not go together (an answer at a memory write), saying what to do instead.
    [[nodiscard]] apdu::Result<void> check() const;
};

} // namespace cardrig::harness
