// The talk with the person: lines on the standard output, questions at its end, answers from the standard
// input.
#pragma once

#include "scenarios/clients/reference/event.h"
#include "scenarios/clients/reference/secret.h"

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace cardrig::client {

class Person final {
public:
    /// `yes`: what is only to be confirmed is confirmed without asking.
    explicit Person(bool yes) : yes_(yes) {}

    /// One line, which is out before anything else is done.
    void say(std::string_view line) const;
    /// A question and the line that answers it. The end of the input cancels.
    [[nodiscard]] std::string ask(std::string_view question) const;
    /// The same without echo on a terminal; an empty answer and "cancel" cancel too.
    [[nodiscard]] Secret ask_secret(std::string_view question) const;
    /// Asked again where the answer is neither, a few times; then it is no.
    [[nodiscard]] bool confirm(std::string_view question) const;

    /// While a question waits, this ends it: `on_interruption` is called, and is expected to throw.
    void interrupt_by(std::shared_ptr<const Event> event, std::function<void()> on_interruption);

private:
    [[nodiscard]] Secret read_line(std::string_view question, bool echo) const;
    [[nodiscard]] bool wait_for_input(int signals) const;

    bool yes_;
    std::shared_ptr<const Event> event_;
    std::function<void()> on_interruption_;
};

} // namespace cardrig::client
