// The card's clock in a rig: the host's.
#pragma once

#include "emulator/environment.h"

#include <atomic>
#include <condition_variable>
#include <mutex>

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
        over_.wait_for(lock, duration, [this] { return stopped_ || interrupted_ || instant_ || hastened_; });
    }
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
    void set(bool& flag, bool value) {
        {
            const std::scoped_lock lock(mutex_);
            flag = value;
        }
        over_.notify_all();
    }

    std::atomic<std::chrono::seconds> offset_{std::chrono::seconds(0)};
    std::mutex mutex_;
    std::condition_variable over_;
    bool stopped_ = false;
    bool interrupted_ = false;
    bool instant_ = false;
    bool hastened_ = false;
};

} // namespace cardrig::harness
