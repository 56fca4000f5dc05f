// What a client prints: gathered whole for judging, and line by line, without secrets, for traces and
// reports.
#pragma once

#include "harness/trace.h"

#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace cardrig::harness {

/// Replaces each secret by "..", also where one is part of another.
[[nodiscard]] std::string without_secrets(std::string text, std::vector<std::string> secrets);

/// Thread-safe; what has come is looked at when it is finished.
class ClientOutput {
public:
    /// Lines go to `trace` as they come.
    ClientOutput(Trace& trace, std::vector<std::string> secrets);

    /// As it comes, without a terminal's control sequences (PlainText).
    void add(std::string_view chunk);
    /// What stands without a line's end is a line of the trace now: something is going to happen because of
    /// it. What comes behind it is another one there.
    void pause();
    /// The client has ended: what stands without a line's end is a line.
    void finish();

    /// As it came; what exceeds 4 MiB is dropped.
    [[nodiscard]] const std::string& text() const { return text_; }
    /// Whether something was dropped.
    [[nodiscard]] bool cut() const { return cut_; }
    /// At most twenty, without secrets.
    [[nodiscard]] std::vector<std::string> last_lines() const { return {last_.begin(), last_.end()}; }

private:
    void line(const std::string& text);
    void show_partial();

    Trace& trace_;
    std::mutex mutex_;
    bool paused_ = false; ///< the line that is under way began before
    std::vector<std::string> secrets_;
    std::string text_;
    bool cut_ = false;
    std::string partial_;
    std::deque<std::string> last_;
};

} // namespace cardrig::harness
