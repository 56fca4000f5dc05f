// How other threads wake a thread that polls.
#pragma once

#include "harness/rig/unique_fd.h"

#include <cstdint>
#include <memory>

#include <sys/eventfd.h>

namespace cardrig::harness {

class Wakeup final {
public:
    Wakeup() : descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

    /// Readable once somebody has called wake().
    [[nodiscard]] int descriptor() const { return descriptor_.get(); }
    void wake() const {
        const std::uint64_t one = 1;
        // Only a counter at its limit refuses, and that one wakes anyway.
        static_cast<void>(!write(descriptor_.get(), &one, sizeof one));
    }
    void clear() const {
        std::uint64_t count = 0;
        static_cast<void>(!read(descriptor_.get(), &count, sizeof count));
    }

private:
    UniqueFd descriptor_;
};

/// Whoever wakes may outlive whoever waited.
using SharedWakeup = std::shared_ptr<const Wakeup>;

} // namespace cardrig::harness
