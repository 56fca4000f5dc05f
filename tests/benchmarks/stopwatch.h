// Time that passes, and time that this thread is at work.
#pragma once

#include "tests/benchmarks/figure.h"

#include <chrono>
#include <ctime>
#include <functional>
#include <utility>
#include <vector>

namespace cardrig::benchmarks {

/// Seconds of the monotonic clock since it was made.
class Stopwatch final {
public:
    [[nodiscard]] double seconds() const {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
    }

private:
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

/// Seconds that the calling thread was on a core: not disturbed by what else the machine does.
[[nodiscard]] inline double thread_seconds() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// Milliseconds that something takes.
[[nodiscard]] inline double timed(const std::function<void()>& work) {
    const Stopwatch watch;
    work();
    return watch.seconds() * 1e3;
}

/// What each of so many measurements gave.
[[nodiscard]] inline Spread repeat(std::size_t samples, const std::function<double()>& measure) {
    std::vector<double> values;
    for (std::size_t i = 0; i < samples; ++i) {
        values.push_back(measure());
    }
    return Spread(std::move(values));
}

} // namespace cardrig::benchmarks
