// The hand: what moves cards and readers, now or at a place. Scenarios, faults, the control socket and the
// command line all move through it.
#pragma once

#include "harness/errors.h"
#include "harness/fault.h"
#include "harness/reader.h"
#include "harness/reader_kind.h"
#include "harness/rigged_card.h"
#include "harness/trace.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace cardrig::harness {

struct HandReader {
    std::string name; ///< PC/SC's
    Reader* reader = nullptr;
};

struct HandCard {
    std::string name; ///< by which effects and places name it: "1", "2", "agent"; unique
    RiggedCard* card = nullptr;
};

struct HandOptions {
    std::vector<HandReader> readers; ///< numbered from 1 in effects; they outlive the hand
    std::vector<HandCard> cards;     ///< they outlive the hand
    ReaderKind kind = ReaderKind::rig;
    /// Ends the client that runs, from any thread, holding none of the hand's locks, and never waits for a
    /// card; none where there is none to end. The cards are forsaken by then (RiggedCard::set_forsaken), so
    /// that no further command is delivered to them; whoever runs the next client makes that undone.
    std::function<void()> kill_client;
    /// Called now and then while waiting; throws to stop it.
    std::function<void()> keep_waiting;
    /// Called for each command that arrives for a card, before anything happens to it, on the thread on which
    /// it will run: what is done there is done when the card gets the command. It waits for no card. False
    /// where whoever sent it is gone: then the card does not get it.
    std::function<bool()> on_command;
    /// Whether somebody calls hear(): else there are no places of a client's output.
    bool hears_client = false;
    /// Whether what it moves is said in the trace (`reader`: inserted, removed, unplugged, plugged); else
    /// whoever has the readers does so.
    bool traces_moves = true;
};

/// What was asked for has not come about within its limit.
class NotInTime final : public HostError {
public:
    using HostError::HostError;
};

/// Thread-safe. While it exists it is what the cards turn to for faults that move something: it is made
/// before a client can reach them. Calls of its functions have come to their end before it is destroyed;
/// calls from cards are waited for.
///
/// Locks, in the order in which a thread may take them:
///   1. `moving`, by act() alone: one move at a time, until clients can have seen it. Never taken on a card's
///      thread, so that no card ever waits for what a client does.
///   2. a card's own locks, which that card holds while a command runs, also when it comes here with a fault.
///      No function here takes one, but for act() with `reset` or `fill-memory`, holding no other.
///   3. `state`: which card was where, and the plan; for moments only. Under it are called: Reader's
///      functions but settle(), RiggedCard's that wait for nobody, and Trace::add(), whose locks take none of
///      these.
class Hand final {
public:
    using KeepWaiting = std::function<void()>;

    Hand(HandOptions options, Trace& trace);
    Hand(const Hand&) = delete;
    Hand& operator=(const Hand&) = delete;
    ~Hand();

    struct Done {
        std::string notice{};                 ///< what vpcd made of it, where that is less than was asked for
        std::optional<std::uint64_t> fault{}; ///< it was planned: the fault's id
    };
    /// Does it now, and returns when a client that waits can have seen it. What only a command can bring
    /// about (Target::command) is planned for the next one of the card in that reader. Without a reader the
    /// first is meant; without a card `insert` puts in the card that was last in that reader, else the first
    /// one that is in none, and `swap` the first other one that is in none. Throws RequestError where it
    /// makes no sense (no such card, a card that is in already, nothing in the reader that could be reset),
    /// NotInTime if clients do not see it within `limit`, HostError if the card failed.
    Done act(const Effect& effect, std::chrono::milliseconds limit = std::chrono::seconds(10),
             const KeepWaiting& keep_waiting = {});

    /// For later. Returns the fault's id, from 1. Throws RequestError where the two do not go together, or
    /// name a card or a reader that does not exist, and for places that are not the hand's: the authority's,
    /// and the output's of a client that it does not hear.
    std::uint64_t plan(Fault fault);
    /// What the client has printed, without control sequences. What is planned at a place of its output is
    /// done when this returns, but that nobody waits until clients can have seen it; `reset` and
    /// `fill-memory` are done before the card's next command. From any thread; waits for nobody.
    void hear(std::string_view text);
    /// What clients will see differently from what was asked for, in one line; empty: nothing.
    [[nodiscard]] std::string notice(const Fault& fault) const;
    /// The plan is empty again: what had not happened is returned.
    std::vector<Fault> forget();
    /// What has not happened yet.
    [[nodiscard]] std::vector<Fault> pending() const;
    /// Why a fault could not be done when it was due, as when it reached for a card that was not there; none
    /// where it could.
    [[nodiscard]] std::optional<std::string> failure(std::uint64_t fault) const;
    /// Waits until a fault has happened. False where it has not by then. Throws RequestError where there is
    /// no such fault, also once it is forgotten, and where it could not be done.
    [[nodiscard]] bool wait(std::uint64_t fault, std::chrono::milliseconds limit,
                            const KeepWaiting& keep_waiting = {}) const;
    /// Waits until a card has come to that place. False where none has by then, and it waits no longer.
    [[nodiscard]] bool wait(const Place& place, std::chrono::milliseconds limit,
                            const KeepWaiting& keep_waiting = {});

    /// Readers (name, plugged, card), cards (name, reader, power, ATR, writes), faults (id, place, effect,
    /// happened, and why it failed if it did). README.md in this folder has the shapes. Waits for no command.
    [[nodiscard]] nlohmann::json status() const;

private:
    std::uint64_t plan_next(const Effect& effect);

    struct Parts;
    std::unique_ptr<Parts> parts_;
};

} // namespace cardrig::harness
