// Which planned fault is due: follows the commands of one card, block by block, and their memory writes.
#pragma once

#include "apdu/decoder.h"
#include "harness/fault.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace cardrig::harness {

/// Each fault happens once. Commands are counted from the moment that the faults were planned; memory writes
/// outside any command as the card's memory counts them.
class FaultPlan {
public:
    void plan(std::vector<Fault> faults);
    [[nodiscard]] std::vector<Fault> pending() const;

    /// A command, or the next block of one, arrives. Call it before every other function about the command.
    void begin(const apdu::DecodedCommand& command);
    /// The fault that is due before the block is delivered, and with that done.
    [[nodiscard]] std::optional<Fault> before();
    /// The fault that is due after the block was executed.
    [[nodiscard]] std::optional<Fault> after();
    /// The fault that is due at the memory write that is about to happen, `number` as the memory counts it.
    [[nodiscard]] std::optional<Fault> write(std::uint64_t number);
    /// No command is under way any more: writes are the run's alone.
    void end();

private:
    struct Planned {
        Fault fault;
        std::uint32_t seen = 0;   ///< occurrences of the place's command so far
        std::uint64_t writes = 0; ///< memory writes in the occurrence that is meant
        bool done = false;
    };
    [[nodiscard]] bool meant(const Planned& planned) const;
    [[nodiscard]] std::optional<Fault> due(Moment moment);

    std::vector<Planned> planned_;
    std::optional<apdu::DecodedCommand> current_;
};

} // namespace cardrig::harness
