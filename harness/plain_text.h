// What a client prints as somebody reads it: without a terminal's control sequences.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace cardrig::harness {

/// Leaves out colours and other control sequences (ECMA-48, 5.4 and 5.6), and the carriage return before a
/// line feed. Chunks may be cut anywhere: what may still become such a sequence is kept until the next one.
///
/// What never becomes one hides nothing: a control character that belongs to none (a line feed, CAN, SUB), or
/// 4 KiB without an end, breaks it off, and what stood in a control string until then is text again.
class PlainText final {
public:
    [[nodiscard]] std::string add(std::string_view chunk);
    /// What is kept is no sequence, but text: nothing more comes.
    [[nodiscard]] std::string finish();

private:
    enum class State : std::uint8_t { text, carriage_return, escape, control, string, string_escape };
    void take(char c, std::string& text);
    void take_escape(char c, std::string& text);
    void take_string(char c, std::string& text);
    void break_off(std::string& text);

    State state_ = State::text;
    std::string string_; ///< of a control string, what it holds until now
};

} // namespace cardrig::harness
