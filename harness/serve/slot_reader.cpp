#include "harness/serve/slot_reader.h"

#include <algorithm>
#include <utility>

namespace cardrig::harness {

namespace {

using Clock = std::chrono::steady_clock;

/// How often a wait looks whether it shall go on.
constexpr std::chrono::milliseconds slice{50};

} // namespace

/// With the mutex held.
void SlotReader::wish(ReaderCard* card) {
    wishes_.push_back(card);
    ++wished_;
    wakeup_->wake();
}

void SlotReader::insert(ReaderCard& card) {
    const std::scoped_lock lock(mutex_);
    if (card_ == nullptr) {
        card_ = &card;
        if (plugged_) {
            wish(card_);
        }
    }
}

void SlotReader::remove() {
    ReaderCard* card = nullptr;
    {
        const std::scoped_lock lock(mutex_);
        card = std::exchange(card_, nullptr);
        if (card != nullptr && plugged_) {
            wish(nullptr);
        }
    }
    if (card != nullptr) { // after the wish, so that the slot knows why the card has no answer
        card->lose_power();
    }
}

void SlotReader::unplug() {
    ReaderCard* card = nullptr;
    {
        const std::scoped_lock lock(mutex_);
        if (std::exchange(plugged_, false) && card_ != nullptr) {
            card = card_;
            wish(nullptr);
        }
    }
    if (card != nullptr) {
        card->lose_power();
    }
}

void SlotReader::plug() {
    const std::scoped_lock lock(mutex_);
    if (!std::exchange(plugged_, true) && card_ != nullptr) {
        wish(card_);
    }
}

ReaderCard* SlotReader::card() const {
    const std::scoped_lock lock(mutex_);
    return card_;
}

bool SlotReader::plugged() const {
    const std::scoped_lock lock(mutex_);
    return plugged_;
}

bool SlotReader::settle(std::chrono::milliseconds limit, const std::function<void()>& keep_waiting) {
    const auto until = Clock::now() + limit;
    std::unique_lock lock(mutex_);
    const std::uint64_t wanted = wished_;
    while (granted_ < wanted) {
        if (Clock::now() >= until) {
            return false;
        }
        granted_now_.wait_until(lock, std::min(until, Clock::now() + slice));
        if (keep_waiting) {
            lock.unlock();
            keep_waiting();
            lock.lock();
        }
    }
    return true;
}

std::optional<ReaderCard*> SlotReader::next() {
    const std::scoped_lock lock(mutex_);
    if (wishes_.empty()) {
        return std::nullopt;
    }
    ReaderCard* const card = wishes_.front();
    wishes_.pop_front();
    return card;
}

bool SlotReader::waiting() const {
    const std::scoped_lock lock(mutex_);
    return !wishes_.empty();
}

void SlotReader::granted() {
    {
        const std::scoped_lock lock(mutex_);
        ++granted_;
    }
    granted_now_.notify_all();
}

bool SlotReader::left() {
    const std::scoped_lock lock(mutex_);
    if (wishes_.empty()) {
        card_ = nullptr;
    }
    return wishes_.empty();
}

} // namespace cardrig::harness
