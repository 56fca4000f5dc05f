#include "harness/ifd/card_turns.h"

#include <algorithm>

namespace cardrig::harness {

CardTurns::Turn CardTurns::ask(const ReaderCard& card) {
    const std::lock_guard lock(mutex_);
    waiting_[&card].push_back(++last_);
    return last_;
}

bool CardTurns::wait(const ReaderCard& card, Turn turn, const std::atomic<bool>& given_up) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return given_up || waiting_[&card].front() == turn; });
    return !given_up;
}

void CardTurns::end(const ReaderCard& card, Turn turn) {
    {
        const std::lock_guard lock(mutex_);
        const auto found = waiting_.find(&card);
        if (found == waiting_.end()) {
            return;
        }
        std::erase(found->second, turn);
        if (found->second.empty()) {
            waiting_.erase(found);
        }
    }
    changed_.notify_all();
}

void CardTurns::wake() {
    // Through the lock, so that nobody is between having looked and waiting.
    { const std::lock_guard lock(mutex_); }
    changed_.notify_all();
}

} // namespace cardrig::harness
