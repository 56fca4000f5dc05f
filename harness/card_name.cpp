#include "harness/card_name.h"

#include "harness/fault.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

/// Those beside the verbs.
constexpr auto notation_words = std::to_array<std::string_view>(
    {"after", "any", "before", "bit", "block", "byte", "bytes", "card", "leaving", "reader", "write"});

bool may_stand_in_a_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

} // namespace

apdu::Result<std::string> card_name(std::string_view text) {
    if (text.empty()) {
        return apdu::failure("a card's name is wanted, as in 'card agent'");
    }
    if (text.size() > longest_card_name) {
        return apdu::failure(fmt::format("a card's name has at most {} characters, and '{}...' has {}",
                                         longest_card_name, text.substr(0, longest_card_name), text.size()));
    }
    if (!std::ranges::all_of(text, may_stand_in_a_name)) {
        return apdu::failure(
            fmt::format("'{}' is no card's name: letters, digits, '-' and '_' may stand in one", text));
    }
    if (verb_from_word(text) || std::ranges::find(notation_words, text) != notation_words.end()) {
        return apdu::failure(
            fmt::format("'{}' is no card's name: the notation for places and effects has that word", text));
    }
    return std::string(text);
}

} // namespace cardrig::harness
