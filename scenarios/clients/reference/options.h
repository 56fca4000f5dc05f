// The command line.
#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace cardrig::client {

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
