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

/// What is done to a card or a reader: the one table of verbs, for scenarios, the hand, Python and replay.
enum class Verb : std::uint8_t {
    insert,    ///< `insert`, `insert card agent reader 2`
    remove,    ///< `remove`, `remove reader 2`; at a memory write torn as by cut-power
    swap,      ///< `swap card agent`: another card in place of the one that is in
    reset,     ///< the card forgets all that is volatile, and keeps its power
    cut_power, ///< `cut-power`, `cut-power prefix half`: the card stays in, and is silent until it is powered
               ///< on again
    unplug,    ///< the reader is pulled out
    plug,      ///< and plugged in again
    answer,    ///< `answer 6A80`: this in place of the card's answer
    truncate,  ///< `truncate 3 bytes`: so many are missing at the answer's end
    extend,    ///< `extend 00FF`: these bytes are added before the status word
    flip,      ///< `flip bit 17`: one bit of the answer, counted from 0 from the first byte's highest
    delay,     ///< `delay 500 ms`: before the command is delivered, or before its answer leaves
    fill_memory, ///< `fill-memory leaving 100 bytes`: so much is free afterwards
    kill_client, ///< SIGKILL for the client, and for whatever it started
    wait,        ///< nothing; whoever waits for this place is told (the hand's `wait`)
};

[[nodiscard]] std::string_view word(Verb verb);
[[nodiscard]] std::optional<Verb> verb_from_word(std::string_view word);

/// Whether it moves something (a card, a reader, the client), which the world around the card does; the card
/// does the others itself.
[[nodiscard]] bool moves(Verb verb);
/// Whether the command at whose place it happens gets no answer, where it happens to that card or its reader.
[[nodiscard]] bool interrupts(Verb verb);

struct Effect {
    Verb verb = Verb::cut_power;
    Tearing tearing{};                                        ///< cut_power, remove, ... at a memory write
    apdu::StatusWord status = apdu::sw::no_precise_diagnosis; ///< answer
    std::string card{};                    ///< insert, swap: a card's name; empty: as Hand says
    std::optional<std::uint32_t> reader{}; ///< from 1; none: where the place's card is, else the first
    std::uint32_t count = 0;           ///< truncate: bytes; flip: the bit's number; fill_memory: bytes left
    apdu::Bytes bytes{};               ///< extend
    std::chrono::milliseconds time{0}; ///< delay

    /// `cut-power prefix half`, `remove`, `swap card agent reader 2`, `answer 6A80`, `delay 500 ms`.
    [[nodiscard]] static apdu::Result<Effect> parse(std::string_view text);
    [[nodiscard]] std::string text() const;
};

struct Fault {
    Place place;
    Effect effect;
    std::uint64_t id = 0; ///< given by the plan that it is in
    /// Fails where the two do not go together (an answer at a memory write).
    [[nodiscard]] apdu::Result<void> check() const;
};

} // namespace cardrig::harness
