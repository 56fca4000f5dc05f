// What the words of several commands' options have to be like, for CLI11.
#pragma once

#include <algorithm>
#include <string>

#include <CLI/CLI.hpp>

namespace cardrig::harness {

/// Where an empty word would be taken for an option that was not given.
[[nodiscard]] inline CLI::Validator not_empty() {
    return CLI::Validator(
        [](const std::string& word) {
            return word.empty() ? std::string("an empty word; leave the option out, or say what it is to be")
                                : std::string();
        },
        "");
}

/// Of a seed: CLI11 would take a negative number for a large one.
[[nodiscard]] inline CLI::Validator counting_number() {
    return CLI::Validator(
        [](const std::string& word) {
            const bool digits =
                !word.empty() && std::ranges::all_of(word, [](char c) { return c >= '0' && c <= '9'; });
            return digits ? std::string() : "'" + word + "' is no number from 0 on";
        },
        "");
}

} // namespace cardrig::harness
