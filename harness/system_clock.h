// The card's clock in a rig: the host's.
#pragma once

#include "emulator/environment.h"

#include <condition_variable>
#include <mutex>

namespace cardrig::harness {

/// Every wait of the rig's cards goes through here.
class SystemClock final : public emulator::Clock {
public:
    [[nodiscard]] std::chrono::sys_seconds now() const override {
        return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    }
    void wait(std::chrono::microseconds duration) override {
        std::unique_lock lock(mutex_);
        stopping_.wait_for(lock, duration, [this] { return stopped_; });
    }
    /// Ends a wait that is under way, and all that come: for a rig that has to end. From any thread.
    void stop() {
        {
            const std::scoped_lock lock(mutex_);
            stopped_ = true;
        }
        stopping_.notify_all();
    }

private:
    std::mutex mutex_;
    std::condition_variable stopping_;
    bool stopped_ = false;
};

} // namespace cardrig::harness
