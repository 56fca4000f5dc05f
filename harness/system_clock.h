// The card's clock in a rig: the host's.
#pragma once

#include "emulator/environment.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>

namespace cardrig::harness {

/// Every wait of the rig's cards goes through here. Thread-safe.
class SystemClock final : public emulator::Clock {
public:
    [[nodiscard]] std::chrono::sys_seconds now() const override {
        return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()) + offset_.load();
    }
    /// So far is its date from the host's.
    void set_offset(std::chrono::seconds offset) { offset_ = offset; }
    [[nodiscard]] std::chrono::seconds offset() const { return offset_; }
    void wait(std::chrono::microseconds duration) override {
        std::unique_lock lock(mutex_);
        while (duration.count() > 0 && !nothing_takes_time()) {
            duration -= wait_a_while(lock, duration);
        }
    }
    /// All that was waited until now, and nothing else: the card's own time. A wait that is cut short counts
    /// as far as it came.
    [[nodiscard]] std::chrono::microseconds used() const {
        const std::scoped_lock lock(mutex_);
        return used_;
    }
    /// `next`: when, of used(), somebody wants to be told; none: never. `ring` is then called on the thread
    /// that waits, in the middle of that. Set before the first wait.
    void set_alarm(std::function<std::optional<std::chrono::microseconds>()> next,
                   std::function<void(std::chrono::microseconds used)> ring) {
        next_ = std::move(next);
        ring_ = std::move(ring);
    }
    /// What `next` says is another time now.
    void look_again() { set(changed_, true); }
    /// Ends a wait that is under way, and all that come: for a rig that has to end.
    void stop() { set(stopped_, true); }
    /// The same until resume(): for a card that has lost its power and waits for nothing.
    void interrupt() { set(interrupted_, true); }
    void resume() { set(interrupted_, false); }
    /// While set, nothing takes any time: for what the rig does in the card's place.
    void set_instant(bool instant) { set(instant_, instant); }
    /// While set, nothing is waited for either: for a card whose client is gone.
    void set_hastened(bool hastened) { set(hastened_, hastened); }

private:
    [[nodiscard]] bool nothing_takes_time() const {
        return stopped_ || interrupted_ || instant_ || hastened_;
    }

    /// Until something is the matter; returns how long that was.
    std::chrono::microseconds wait_a_while(std::unique_lock<std::mutex>& lock,
                                           std::chrono::microseconds most) {
        changed_ = false;
        const auto alarm = next_ ? next_() : std::nullopt;
        const auto until_alarm = alarm ? std::max(*alarm - used_, std::chrono::microseconds(0)) : most;
        const auto step = std::min(most, until_alarm);
        const auto begin = std::chrono::steady_clock::now();
        const bool woken = over_.wait_for(lock, step, [this] { return nothing_takes_time() || changed_; });
        const auto took =
            std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin);
        const auto counted = woken ? std::min(took, step) : step;
        used_ += counted;
        if (alarm && *alarm <= used_ && !nothing_takes_time()) {
            const auto now = used_;
            lock.unlock();
            ring_(now);
            lock.lock();
        }
        return counted;
    }

    void set(bool& flag, bool value) {
        {
            const std::scoped_lock lock(mutex_);
            flag = value;
        }
        over_.notify_all();
    }

    std::atomic<std::chrono::seconds> offset_{std::chrono::seconds(0)};
    std::function<std::optional<std::chrono::microseconds>()> next_;
    std::function<void(std::chrono::microseconds)> ring_;
    mutable std::mutex mutex_;
    std::chrono::microseconds used_{0};
    bool changed_ = false;
    std::condition_variable over_;
    bool stopped_ = false;
    bool interrupted_ = false;
    bool instant_ = false;
    bool hastened_ = false;
};

} // namespace cardrig::harness
