// Which planned fault is due in what a client prints: follows its lines.
#pragma once

#include "harness/fault.h"

#include <cstdint>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

namespace cardrig::harness {

/// A line matches as soon as what is there of it does, and counts once: a question without a line's end is
/// one, too. Each fault happens once; several that are due at a time are so in the order in which they were
/// planned. Lines are counted from the moment that a fault was planned; the one that is under way counts.
/// Used by the hand alone, under its `state` lock.
class OutputPlan final {
public:
    /// Throws RequestError for an expression that is none.
    void add(Fault fault);
    /// Nothing is planned any more, and the next line begins. Returns what had not happened.
    std::vector<Fault> forget();
    /// One of them, by its id; nothing happens where it is not there.
    void remove(std::uint64_t id);
    /// What has been printed, without control sequences, in chunks that are cut anywhere. Returns what is
    /// due.
    [[nodiscard]] std::vector<Fault> hear(std::string_view text);
    /// What stands without a line's end is a line.
    void end_line();

private:
    struct Planned {
        Fault fault;
        std::regex pattern;
        std::uint32_t seen = 0; ///< lines in which it has matched
        bool in_this = false;   ///< the line that is under way is one of these
        bool done = false;
    };
    void look(std::vector<Fault>& due);

    std::vector<Planned> planned_;
    std::string line_;
};

} // namespace cardrig::harness
