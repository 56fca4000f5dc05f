// Every power cut of a workload on an object store, and every further cut during the recovery from it.
#pragma once

#include "emulator/object_store.h"
#include "harness/faulty_nvm.h"

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace cardrig::tests {

/// What a store shows to the card above it.
struct StoreState {
    std::map<emulator::ObjectId, emulator::Bytes> objects;
    std::array<std::uint8_t, 16> counters{};
    friend bool operator==(const StoreState&, const StoreState&) = default;
};
[[nodiscard]] StoreState state_of(const emulator::ObjectStore& store);

/// One transaction or one change of a counter: what must happen as a whole.
using Step = std::function<void(emulator::ObjectStore&)>;
/// Stands between store and memory from one power-on to the next; breaks something in a negative control.
using Decorate = std::function<std::unique_ptr<emulator::Nvm>(emulator::Nvm&)>;

struct Sweep {
    emulator::NvmGeometry geometry;
    std::vector<Step> steps;
    /// What is done after a recovery, and cut too: leftovers of the first cut must not spoil it.
    Step probe;
    Decorate decorate;  ///< none: nothing
    unsigned depth = 3; ///< cuts in a row
    emulator::Protection protection = emulator::Protection::journal;
    /// Called over whatever store comes up after a cut, sound or not; what it does leaves no trace.
    Step visit;
    std::size_t enough = 20; ///< violations at which it stops
};

struct SweepReport {
    std::vector<std::string> violations; ///< each with the cuts that lead to it
    std::uint64_t cuts = 0;
    std::vector<std::size_t> states; ///< by depth: different remains
    bool exhausted = false;          ///< no further cut leads to anything new
};

/// The same for all remains that no card can tell apart but by chance.
[[nodiscard]] std::string fingerprint(const harness::FaultyNvm::Remains& remains);

[[nodiscard]] SweepReport run(const Sweep& sweep);

} // namespace cardrig::tests
