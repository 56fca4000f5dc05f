#include "harness/plain_text.h"

namespace cardrig::harness {

namespace {

constexpr char escape = '\x1B';
constexpr char bell = '\x07';

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
    const bool kept = state_ == State::carriage_return;
    state_ = State::text;
    return kept ? "\r" : "";
}

void PlainText::take(char c, std::string& text) {
    if (state_ == State::carriage_return) {
        state_ = State::text;
        if (c != '\n') {
            text += '\r';
        }
    }
    if (state_ != State::text) {
        take_escape(c);
    } else if (c == escape) {
        state_ = State::escape;
    } else if (c == '\r') {
        state_ = State::carriage_return;
    } else {
        text += c;
    }
}

void PlainText::take_escape(char c) {
    const auto byte = static_cast<unsigned char>(c);
    switch (state_) {
    case State::escape:
        if (c == '[') {
            state_ = State::control;
        } else if (c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_') {
            state_ = State::string;
        } else if (byte < 0x20 || byte > 0x2F) { // those are intermediate: one more follows
            state_ = State::text;
        }
        break;
    case State::control: // up to its final byte
        state_ = byte >= 0x40 && byte <= 0x7E ? State::text : State::control;
        break;
    case State::string: // up to ST; terminals also take BEL
        if (c == bell) {
            state_ = State::text;
        } else if (c == escape) {
            state_ = State::string_escape;
        }
        break;
    case State::string_escape:
        state_ = c == '\\' ? State::text : State::string;
        break;
    case State::text:
    case State::carriage_return:
        break;
    }
}

} // namespace cardrig::harness
