// Lines out of what comes over a control socket, piece by piece.
#pragma once

#include "harness/hand/control_request.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace cardrig::harness {

/// Holds one line of at most longest_control_line bytes, and one piece more.
class ControlLines final {
public:
    void append(std::string_view piece) { waiting_ += piece; }

    /// The next whole line, without its newline; empty ones are passed over.
    [[nodiscard]] std::optional<std::string> next() {
        // Where there is no newline, `end` is larger than any line.
        for (std::size_t end = waiting_.find('\n'); end <= longest_control_line; end = waiting_.find('\n')) {
            std::string line = waiting_.substr(0, end);
            waiting_.erase(0, end + 1);
            if (line.ends_with('\r')) {
                line.pop_back();
            }
            if (!line.empty()) {
                return line;
            }
        }
        return std::nullopt;
    }
    /// Whether the line that is not whole yet is longer than any may be.
    [[nodiscard]] bool too_long() const {
        return waiting_.find('\n') > longest_control_line && waiting_.size() > longest_control_line;
    }
    /// At the end: what came without a newline.
    [[nodiscard]] std::optional<std::string> rest() {
        return waiting_.empty() ? std::nullopt : std::optional(std::exchange(waiting_, {}));
    }

private:
    std::string waiting_;
};

} // namespace cardrig::harness
