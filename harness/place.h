// Places: where in a run something happens. The one notation for them, for scenarios, options, Python and
// replay.
//
//     <command> [object] [#n] [block k] [write #m | before | after] [card NAME]
//     write #n [card NAME]
//     authority <request> [9A | 9C] [#n] [before | after]
//     output "EXPRESSION" [#n]
//     card-time TIME [card NAME]
//
// "put-data signature-certificate #1 block 3 before", "generate-key-pair 9C after", "write #217", "put-data
// signature-certificate write #5". Commands and objects are the words of apdu::DecodedCommand; `any` is any
// command.
#pragma once

#include "apdu/decoder.h"
#include "apdu/result.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cardrig::harness {

/// What a place is a place in.
enum class Where : std::uint8_t {
    card,      ///< a command, or a memory write
    authority, ///< a request to the authority: `authority certificate 9A after`
    output,    ///< the n-th line of the client's output, from the run's beginning, in which the expression
               ///< matches
    card_time, ///< so much time has the card taken since the run began, by its own clock
};

enum class Moment : std::uint8_t {
    before, ///< the command is not delivered
    after,  ///< it was executed, its answer does not leave
};

struct Place {
    Where where = Where::card;
    /// Of the authority: one of authority_requests(), or `any`; of the others, where no card: empty.
    /// Empty for a memory write counted since the card came into the rig, as the trace numbers them.
    std::string command;
    std::string object;           ///< empty: any
    std::uint32_t occurrence = 1; ///< the n-th such command (a whole chain is one), from 1
    /// Of a chain, from 1; none: the first for `before`, the last for `after`, all of them for a write.
    std::optional<std::uint32_t> block;
    /// The m-th memory write (of the command, or of all), from 1; then `moment` means nothing.
    std::optional<std::uint64_t> write;
    Moment moment = Moment::before;
    /// The card that it happens at, by name ("2", "agent"); empty: the first.
    std::string card;
    std::string pattern;               ///< output: ECMAScript, as in expectations
    std::chrono::microseconds time{0}; ///< card_time: above 0

    /// Fails with a message that names the offending word and the nearest right one.
    [[nodiscard]] static apdu::Result<Place> parse(std::string_view text);
    /// The same notation, in its shortest form.
    [[nodiscard]] std::string text() const;
    friend bool operator==(const Place&, const Place&) = default;
};

/// What can be asked of the authority, in words: login-challenge, login, logout, directory, renewal,
/// certificate, renewal-done, management-key, unlock, unlock-done, revocations, est-cacerts, est-csrattrs,
/// est-enroll, est-reenroll. `certificate` takes a key.
[[nodiscard]] const std::vector<std::string>& authority_requests();

} // namespace cardrig::harness
