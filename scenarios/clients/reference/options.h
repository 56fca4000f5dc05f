// The command line.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace cardrig::client {

/// Where the new keys of a renewal are made.
enum class Way {
    in_place,      ///< in their slots, each over the old one
    retired_slots, ///< beside the old ones, in slots for retired keys, and moved when both are there
};

struct Options {
    std::string task;
    std::string reader;
    std::string second_reader;
    std::string authority; ///< URL
    std::string trust;     ///< PEM file
    std::string token;     ///< of the environment
    std::string holder;    ///< name or number
    std::string role;
    std::chrono::seconds patience{10};
    Way way = Way::in_place;
    bool yes = false;
    bool test_login = false;
};

/// What was asked for; or the exit status where that is all (help, wrong words), after saying so.
struct ReadOptions {
    std::optional<Options> options;
    int exit_status = 0;
};
[[nodiscard]] ReadOptions read_options(int argc, const char* const* argv);

} // namespace cardrig::client
