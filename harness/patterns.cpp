#include "harness/patterns.h"

#include "harness/errors.h"

#include <algorithm>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

/// In bytes. The library's reader recurses at each element, so that a long expression would exhaust the
/// stack.
constexpr std::size_t longest_pattern = 1000;

/// The library's matcher recurses once a character, so it is shown no more than this at a time.
constexpr std::size_t window = 4096;
/// Windows overlap by half, so that what one of them cuts lies whole in the next.
constexpr std::size_t step = window / 2;

bool matches_line(std::string_view line, const std::regex& pattern) {
    for (std::size_t at = 0;; at += step) {
        auto flags = std::regex_constants::match_default;
        if (at > 0) {
            flags |= std::regex_constants::match_prev_avail; // no line begins here: ^ and \b look back
        }
        const std::string_view part = line.substr(at, window);
        const bool last = at + part.size() == line.size();
        if (!last) {
            flags |= std::regex_constants::match_not_eol | std::regex_constants::match_not_eow;
        }
        if (std::regex_search(part.data(), part.data() + part.size(), pattern, flags)) {
            return true;
        }
        if (last) {
            return false;
        }
    }
}

} // namespace

std::regex compile_pattern(const std::string& pattern) {
    if (pattern.size() > longest_pattern) {
        throw RequestError(fmt::format("a regular expression has at most {} bytes", longest_pattern));
    }
    try {
        return std::regex(pattern, std::regex::ECMAScript);
    } catch (const std::regex_error& error) {
        throw RequestError(fmt::format("'{}' is no regular expression: {}", pattern, error.what()));
    }
}

bool matches_some_line(std::string_view text, const std::regex& pattern) {
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t end = std::min(text.find_first_of("\r\n", at), text.size());
        if (matches_line(text.substr(at, end - at), pattern)) {
            return true;
        }
        at = end + (text.substr(end, 2) == "\r\n" ? 2 : 1);
    }
    return false;
}

} // namespace cardrig::harness
