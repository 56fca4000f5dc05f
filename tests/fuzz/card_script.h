// What happens to a card, written as bytes: the input of the fuzz target and of the random sequences in the
// test suite. A new kind of step is one more row of the table in card_script.cpp.
//
// The first byte picks the card (see card_variants). Then come steps: a byte, and what belongs to it.
//
//     00 to E7   the length of a command, which follows as it is
//     FD hh ll   the same, with a length of two bytes
//     FE, FF     the power off and on; a reset
//     E8 to FC   what the table says, from VERIFY with a right or wrong passcode to a power cut
#pragma once

#include "apdu/bytes.h"
#include "tests/fuzz/card_session.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fuzz {

struct CardVariant {
    std::string name;
    emulator::CardImage card;
};
[[nodiscard]] const std::vector<CardVariant>& card_variants();

struct Run {
    std::optional<std::string> broken; ///< the promise, and the step that broke it
    Tally tally;
};

/// Never throws: what is not a broken promise ends the process.
[[nodiscard]] Run run_script(cardrig::apdu::ByteView script, const Sabotage& sabotage = {});

/// A script of that many steps, the same for a number on every host.
[[nodiscard]] Bytes random_script(std::uint64_t number, std::size_t variant, std::size_t steps);

} // namespace fuzz
