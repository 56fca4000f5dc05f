// Who may use a card next: readers hand cards to one another while old commands still run on them.
#pragma once

#include "harness/reader_card.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>

namespace cardrig::harness {

/// Turns are taken in the order in which they were asked for, so that a card is switched off after its old
/// command and before its next reader switches it on.
class CardTurns final {
public:
    using Turn = std::uint64_t;

    /// Never waits.
    [[nodiscard]] Turn ask(const ReaderCard& card);
    /// Waits for the turn; false as soon as `given_up` is true (see wake()).
    [[nodiscard]] bool wait(const ReaderCard& card, Turn turn, const std::atomic<bool>& given_up);
    /// The turn is over, or is not needed any more.
    void end(const ReaderCard& card, Turn turn);
    /// To be called after a `given_up` was set.
    void wake();

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<const ReaderCard*, std::deque<Turn>> waiting_;
    Turn last_ = 0;
};

} // namespace cardrig::harness
