// What PC/SC calls return in each situation: as the table in harness/ifd/WHAT_CLIENTS_SEE.md has it, and as
// it is measured through a private pcscd.
#pragma once

#include "harness/reader_kind.h"

#include <iosfwd>
#include <string>
#include <vector>

namespace cardrig::test {

/// In the order of the table's lines.
enum class Situation : std::uint8_t {
    removed_during_apdu,
    removed,
    reinserted,
    swapped,
    unresponsive,
    reset_by_another,
    mute_card,
    mute_at_reset,
    senseless_atr,
    unplugged,
    plugged_again,
    daemon_gone,
};

/// In the order of the table's columns.
enum class Call : std::uint8_t {
    running_transmit,
    next_transmit,
    status,
    begin_transaction,
    reconnect_leave,
    reconnect_reset,
    connect,
    get_status_change,
    disconnect,
};

[[nodiscard]] const std::vector<Situation>& situations();
[[nodiscard]] const std::vector<Call>& calls();
/// As the table's first column and its heading have them.
[[nodiscard]] std::string name_of(Situation situation);
[[nodiscard]] std::string name_of(Call call);
std::ostream& operator<<(std::ostream& stream, Situation situation);

/// The table of one kind of reader, as a file has it.
class ReaderTable final {
public:
    /// Reads the table below the heading "### KIND". Throws std::runtime_error where lines or columns are not
    /// those that it must have.
    [[nodiscard]] static ReaderTable parse(const std::string& markdown, const std::string& kind);
    /// What may be measured: a cell holds one or more, with " or " between, and a footnote's mark does not
    /// count.
    [[nodiscard]] std::vector<std::string> expected(Situation situation, Call call) const;

private:
    std::vector<std::vector<std::string>> cells_;
};

/// Brings the situation about for a client in a rig of its own, lets it call, and gives the result in the
/// table's words. "–" where the two do not go together.
[[nodiscard]] std::string measure(harness::ReaderKind kind, Situation situation, Call call);

/// Checks, by Boost.Test, the line of one situation against the file's table.
void check_line(harness::ReaderKind kind, Situation situation);

} // namespace cardrig::test
