// What a client was about at some moment, and what a card was like, in a few words: what findings are grouped
// by.
#pragma once

#include "emulator/inspection.h"
#include "harness/trace.h"

#include <cstddef>
#include <string>
#include <vector>

namespace cardrig::harness {

/// What the client was about when it sent the command or the request at this index (events.size(): at the
/// end): "looking at the card", "asking for the passcode", "logging in", "asking for a renewal", "generating
/// the key of 9A", "asking for the certificate of 9A", "writing the certificate of 9A", "checking the
/// certificate of 9A", "moving keys", "tidying up", "finishing". Told by the commands and requests alone, of
/// any client.
[[nodiscard]] std::string client_phase(const std::vector<TraceEvent>& events, std::size_t index);

/// What of a card's pair is new: "as before", "9A new key, old certificate", "9A renewed; 9C as before", "9A
/// key without a certificate", "9A certificate damaged", "cannot be read".
[[nodiscard]] std::string card_phase(const emulator::CardImage& start, const emulator::CardImage& now);
[[nodiscard]] std::string card_phase(const emulator::CardState& start, const emulator::CardState& now);

} // namespace cardrig::harness
