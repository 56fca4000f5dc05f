// One line on a terminal that tells how far a sweep is, and about how long it still takes.
#pragma once

#include "harness/sweep/sweep_run.h"

#include <chrono>
#include <cstddef>
#include <string>

namespace cardrig::harness {

/// "live: 312 of 1028 places, 3 violations, 1:12, about 2:40 left", cut to so many columns.
[[nodiscard]] std::string progress_text(const SweepProgress& progress, std::size_t columns);

/// On standard error, where that is a terminal; else it does nothing.
class ProgressLine final {
public:
    ProgressLine();
    ProgressLine(const ProgressLine&) = delete;
    ProgressLine& operator=(const ProgressLine&) = delete;
    ~ProgressLine() { clear(); }

    /// At most five times a second.
    void show(const SweepProgress& progress);
    void clear();

private:
    bool terminal_;
    bool shown_ = false;
    std::chrono::steady_clock::time_point last_;
};

/// Of the terminal that a stream is, or of what COLUMNS says; 100 where neither tells.
[[nodiscard]] std::size_t terminal_columns(int descriptor);

} // namespace cardrig::harness
