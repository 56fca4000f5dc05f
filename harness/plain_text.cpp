#include "harness/plain_text.h"

namespace cardrig::harness {

namespace {

constexpr char escape = '\x1B';
constexpr char bell = '\x07';
/// Titles and addresses of links are shorter.
constexpr std::size_t longest_string = 4096;

/// C0 without those that end or begin something in a sequence: terminals carry such a one out in its middle,
/// or drop the sequence.
bool is_control(char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != escape && c != bell;
}

} // namespace

std::string PlainText::add(std::string_view chunk) {
    std::string text;
    text.reserve(chunk.size());
    for (const char c : chunk) {
        take(c, text);
    }
    return text;
}

std::string PlainText::finish() {
    std::string text(state_ == State::carriage_return ? 1 : 0, '\r');
    break_off(text);
    return text;
}

/// What was taken for a control string is none.
void PlainText::break_off(std::string& text) {
    state_ = State::text;
    text += string_;
    string_.clear();
}

void PlainText::take(char c, std::string& text) {
    if (state_ == State::carriage_return) {
        state_ = State::text;
        if (c != '\n') {
            text += '\r';
        }
    }
    if (state_ != State::text && is_control(c)) {
        break_off(text);
    }
    if (state_ == State::string || state_ == State::string_escape) {
        take_string(c, text);
    } else if (state_ != State::text) {
        take_escape(c, text);
    } else if (c == escape) {
        state_ = State::escape;
    } else if (c == '\r') {
        state_ = State::carriage_return;
    } else {
        text += c;
    }
}

void PlainText::take_escape(char c, std::string& text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == escape) { // a new one
        state_ = State::escape;
    } else if (state_ == State::escape) {
        if (c == '[') {
            state_ = State::control;
        } else if (c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_') {
            state_ = State::string;
        } else if (byte < 0x20 || byte > 0x2F) { // those are intermediate: one more follows
            state_ = State::text;
        }
    } else if (byte >= 0x40) { // up to its final byte, or one that belongs to none
        state_ = State::text;
        if (byte > 0x7E) {
            text += c;
        }
    }
}

void PlainText::take_string(char c, std::string& text) {
    if (state_ == State::string_escape) {
        if (c == '\\') {
            string_.clear();
            state_ = State::text;
        } else { // the end of this one, and another sequence
            break_off(text);
            state_ = State::escape;
            take(c, text);
        }
    } else if (c == bell) { // terminals take it for ST
        string_.clear();
        state_ = State::text;
    } else if (c == escape) {
        state_ = State::string_escape;
    } else {
        string_ += c;
        if (string_.size() >= longest_string) {
            break_off(text);
        }
    }
}

} // namespace cardrig::harness
