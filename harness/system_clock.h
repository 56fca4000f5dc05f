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
        std::mutex mutex;
        std::condition_variable never;
        std::unique_lock lock(mutex);
        never.wait_for(lock, duration, [] { return false; });
    }
};

} // namespace cardrig::harness
