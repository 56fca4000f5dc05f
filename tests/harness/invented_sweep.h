// A small sweep's report, invented, for tests of what is made of one.
#pragma once

#include "harness/sweep/sweep_report.h"

#include <string>

namespace cardrig::tests {

/// Fails the test where it is none.
[[nodiscard]] harness::SweepPlace sweep_place_of(const std::string& text);

/// With this outcome; the phase of the client and the card's state by its position.
[[nodiscard]] harness::PlaceOutcome outcome_of(const std::string& place, harness::Outcome outcome,
                                               std::uint32_t position);

/// A run of 12 commands, 2 requests and 30 writes, with no places yet.
[[nodiscard]] harness::SweepReport empty_sweep();

/// In the memory phase I2 is broken from write 10 to 19, in state "a" up to 14 and "b" behind it; the
/// recovery of "a" mends it, that of "b" does not; killing the client at command 5 leaves the pair half
/// renewed for a while, and a 503 makes the client lie. One place diverged, two were not reached.
[[nodiscard]] harness::SweepReport invented_sweep();

} // namespace cardrig::tests
