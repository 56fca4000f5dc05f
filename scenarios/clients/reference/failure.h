// How a task ends when it does not end well: the line for the person, and the exit status.
#pragma once

#include <exception>
#include <string>
#include <utility>

namespace cardrig::client {

enum class ExitStatus : int {
    done = 0,
    step_failed = 1, ///< the card may be half renewed: run it again
    wrong_words = 2,
    nothing_due = 3,
    expired = 4,
    locked = 5,
    wrong_card = 6, ///< or none, or too many
    refused = 7,    ///< the authority says no, or nothing
    cancelled = 8,
};

/// Ends a task. `what()` is the line that is printed.
class Failure final : public std::exception {
public:
    /// `code`: the authority's, where it is its reason.
    Failure(ExitStatus status, std::string line, std::string code = {})
        : status_(status), line_(std::move(line)), code_(std::move(code)) {}
    [[nodiscard]] const std::string& code() const { return code_; }
    [[nodiscard]] ExitStatus status() const { return status_; }
    [[nodiscard]] const char* what() const noexcept override { return line_.c_str(); }

private:
    ExitStatus status_;
    std::string line_;
    std::string code_;
};

[[nodiscard]] Failure cancelled();
[[nodiscard]] Failure card_locked();
[[nodiscard]] Failure has_expired();
[[nodiscard]] Failure not_yet_due();
/// The card, or the reader, did not do what was asked; `why` without a full stop.
[[nodiscard]] Failure card_problem(const std::string& why);
[[nodiscard]] Failure cannot_complete(const std::string& why);
[[nodiscard]] Failure wrong_card(const std::string& holder, const std::string& why = "");
/// By other means than a renewal, if at all.
[[nodiscard]] Failure needs_repair(const std::string& why);
[[nodiscard]] Failure logged_out(const std::string& why, ExitStatus status);

} // namespace cardrig::client
