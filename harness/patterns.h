// Regular expressions (ECMAScript) as scenarios and options give them, and how a client's output is searched
// for them.
#pragma once

#include <regex>
#include <string>
#include <string_view>

namespace cardrig::harness {

/// Throws RequestError with the expression and what is wrong with it; at most 1000 bytes.
[[nodiscard]] std::regex compile_pattern(const std::string& pattern);

/// Whether it matches within some line; lines end with a line feed, a carriage return, or both. Lines of up
/// to 4096 bytes are searched as one; in longer ones, however long, every match of up to 2048 bytes is found.
[[nodiscard]] bool matches_some_line(std::string_view text, const std::regex& pattern);

} // namespace cardrig::harness
