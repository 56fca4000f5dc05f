// Tables of commands and the status words that they are answered with: every line runs on a card of its own.
#pragma once

#include "tests/emulator/piv_card.h"

#include <cstdint>
#include <initializer_list>
#include <string>

namespace cardrig::tests {

/// What happened to the card before.
enum class Before {
    nothing,
    passcode_verified,
    blocked,      ///< the passcode
    both_blocked, ///< the unblocking code, too
    administrator,
    administrator_and_passcode,
};

struct Line {
    Before before;
    std::string command;
    std::uint16_t status;
};

/// A card whose slots 9A, 9C and 9D hold P-256 keys, all others none.
class Table {
public:
    explicit Table(const Setup& setup = {});
    void check(std::initializer_list<Line> lines) const;

private:
    Setup setup_;
};

} // namespace cardrig::tests
