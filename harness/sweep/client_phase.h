// What a client was about at some moment, and what a card was like, in a few words: what findings are grouped
// by. (client_phase.cpp, card_phase.cpp)
//
// A command alone often does not tell: what was done before, and what comes next, decide. A GET DATA of the
// CHUID amid the writing of 9A's certificate belongs to that, a signature to the request that it is sent
// with.
#pragma once

#include "emulator/inspection.h"
#include "harness/trace.h"

#include <cstddef>
#include <string>
#include <vector>

namespace cardrig::harness {

/// What the client was about when it sent the command or the request at this index, or the next one behind it
/// (events.size(): at the end): "looking at the card", "asking for the passcode", "logging in", "asking for a
/// renewal", "generating the key of 9A", "asking for the certificate of 9A", "writing the certificate of 9A",
/// "checking the certificate of 9A", "moving keys", "tidying up", "finishing"; of other tasks "unblocking the
/// passcode" and the like. Told by the commands and requests alone, of any client.
[[nodiscard]] std::string client_phase(const std::vector<TraceEvent>& events, std::size_t index);

/// The same of every index, events.size() included.
[[nodiscard]] std::vector<std::string> client_phases(const std::vector<TraceEvent>& events);

/// What of a card's pair, and of other slots, is new: "as before", "9A new key, old certificate; 9C as
/// before", "9A renewed; 9C as before", "9A new key, no certificate; 9C as before", "9A old key, damaged
/// certificate; 9C as before", "as before; 82 new key, no certificate"; then what else keeps its holder out:
/// "as before; passcode blocked"; and "cannot be read".
[[nodiscard]] std::string card_phase(const emulator::CardImage& start, const emulator::CardImage& now);
[[nodiscard]] std::string card_phase(const emulator::CardState& start, const emulator::CardState& now);

} // namespace cardrig::harness
