// Every command of the PIV application that writes to the card's memory, in each way that it may go: what the
// power-cut tests cut. Whoever adds a command that writes adds its row in piv_cut_operations.cpp; those of
// the extensions of key tokens are in yubico_cut_bench.cpp, and the blocks of a streamed PUT DATA in
// piv_streamed_put_cut_test.cpp.
#pragma once

#include "tests/emulator/cut_bench.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cardrig::tests {

/// The codes that a card on the bench has, and those that operations give it or show to it.
inline constexpr std::string_view old_passcode = "24681357";
inline constexpr std::string_view new_passcode = "654321";
inline constexpr std::string_view wrong_passcode = "999999";
inline constexpr std::string_view new_unblocking_code = "ABCDEFGH";
inline constexpr std::string_view new_global_passcode = "13572468";
inline constexpr std::uint8_t all_tries = 3;
inline constexpr std::uint8_t all_global_tries = 4;
/// The certificate that it has, and one that it has not.
inline constexpr apdu::Tag certificate_there = 0x5FC105;
inline constexpr apdu::Tag certificate_not_there = 0x5FC10A;

/// What an operation shows of a code: what may happen to its tries.
enum class Shown : std::uint8_t {
    nothing, ///< they stay as they are
    spent,   ///< one is spent, or not yet; afterwards that one may be back
    right,   ///< one is spent, or not yet, or all are there again
};

struct Operation {
    std::string name;
    Shown passcode = Shown::nothing;
    Shown unblocking_code = Shown::nothing;
    bool unblocks = false; ///< all tries come back, but with the new passcode only
    CardStep prepare;      ///< with power
    CardStep run;          ///< its writes are cut
    Shown global_passcode = Shown::nothing;
};

[[nodiscard]] const std::vector<Operation>& all_operations();
/// By its name; throws std::out_of_range where there is none.
[[nodiscard]] const Operation& operation(std::string_view name);

/// A certificate's container whose certificate has so many bytes.
[[nodiscard]] Bytes certificate_of(std::size_t size, std::uint8_t fill);
/// RESET RETRY COUNTER with that unblocking code and the new passcode.
[[nodiscard]] std::string unblock_command(std::string_view code);
/// VERIFY with a wrong passcode, which is the first.
void lose_one_try(CardSession& card);

} // namespace cardrig::tests
