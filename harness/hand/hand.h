// The hand: what moves cards and readers, now or at a place. Scenarios, faults, the control socket and the
// command line all move through it.
#pragma once

#include "harness/fault.h"
#include "harness/reader.h"
#include "harness/reader_kind.h"
#include "harness/rigged_card.h"
#include "harness/trace.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
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
    /// Ends the client that runs, from any thread; none where there is none to end.
    std::function<void()> kill_client;
    /// Called now and then while waiting; throws to stop it.
    std::function<void()> keep_waiting;
};

/// Thread-safe. While it exists it is what the cards turn to for faults that move something.
class Hand final {
public:
    Hand(HandOptions options, Trace& trace);
    Hand(const Hand&) = delete;
    Hand& operator=(const Hand&) = delete;
    ~Hand();

    /// Does it now, and returns when a client that waits can have seen it. What only a command can bring
    /// about
    /// (`answer`, `truncate`, `extend`, `flip`, `delay`) is planned for the next command. Without a reader
    /// the first is meant; without a card `insert` puts in the card that was last in that reader, else the
    /// first one that is in none, and `swap` the first other one that is in none. Returns what vpcd made of
    /// it where that is less than was asked for, else nothing. Throws RequestError where it makes no sense
    /// (no such card, a card that is in already, nothing in the reader that could be reset), HostError if
    /// clients do not see it within `limit`.
    std::string act(const Effect& effect, std::chrono::milliseconds limit = std::chrono::seconds(10));

    /// For later. Returns the fault's id, from 1. Throws RequestError where the two do not go together, or
    /// name a card or a reader that does not exist.
    std::uint64_t plan(Fault fault);
    /// The plan is empty again: what had not happened is returned.
    std::vector<Fault> forget();
    /// What has not happened yet.
    [[nodiscard]] std::vector<Fault> pending() const;
    /// Waits until a fault (or what `wait` planned at a place) has happened. False where it has not by then.
    [[nodiscard]] bool wait(std::uint64_t fault, std::chrono::milliseconds limit) const;

    /// Readers (name, plugged, card), cards (name, reader, powered, ATR, writes), faults (id, place, effect,
    /// happened). hand/README.md has the shapes.
    [[nodiscard]] nlohmann::json status() const;

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

} // namespace cardrig::harness
