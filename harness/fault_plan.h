// Which planned fault is due: follows the commands of one card, block by block, and their memory writes.
#pragma once

#include "apdu/decoder.h"
#include "harness/fault.h"

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

namespace cardrig::harness {

/// Each fault happens once; several at one place are due together, in the order in which they were planned.
/// Commands are counted from the moment that a fault was planned, and one that is under way then does not
/// count; memory writes outside any command as the card's memory counts them. Thread-safe.
class FaultPlan {
public:
    /// In place of all that is planned. Card time is counted from `used`.
    void plan(std::vector<Fault> faults, std::chrono::microseconds used = {});
    void add(Fault fault, std::chrono::microseconds used = {});
    /// Nothing is planned any more. Returns what had not happened.
    std::vector<Fault> forget();
    /// One of them, by its id; nothing happens where it is not there, or was due already.
    void remove(std::uint64_t id);
    [[nodiscard]] std::vector<Fault> pending() const;

    /// A command, or the next block of one, arrives. Call it before every other function about the command.
    void begin(const apdu::DecodedCommand& command);
    /// The faults that are due before the block is delivered, and with that done.
    [[nodiscard]] std::vector<Fault> before();
    /// The faults that are due after the block was executed.
    [[nodiscard]] std::vector<Fault> after();
    /// The faults that are due at the memory write that is about to happen, `number` as the memory counts it.
    [[nodiscard]] std::vector<Fault> write(std::uint64_t number);
    /// When something is due at a place of card time, by the card's own clock; none: never.
    [[nodiscard]] std::optional<std::chrono::microseconds> next_time() const;
    /// The faults that are due at such places, so much time having been used.
    [[nodiscard]] std::vector<Fault> at_time(std::chrono::microseconds used);
    /// No command is under way any more: writes are the run's alone.
    void end();

private:
    struct Planned {
        Fault fault;
        std::chrono::microseconds used{0}; ///< by the card, when it was planned
        std::uint32_t seen = 0;            ///< occurrences of the place's command so far
        std::uint64_t writes = 0;          ///< memory writes in the occurrence that is meant
        bool done = false;                 ///< and leaves the plan
    };
    [[nodiscard]] bool meant(const Planned& planned) const;
    [[nodiscard]] std::vector<Fault> due(Moment moment);

    mutable std::mutex mutex_;
    std::vector<Planned> planned_;
    std::optional<apdu::DecodedCommand> current_;
};

} // namespace cardrig::harness
