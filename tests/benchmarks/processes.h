// Programs that the benchmark runs.
#pragma once

#include <string>
#include <sys/types.h>
#include <vector>

namespace cardrig::benchmarks {

/// Starts a program, found on PATH where it has no slash; its standard output goes to `output`, what it says
/// on standard error is dropped. Throws std::runtime_error where it cannot be started.
[[nodiscard]] pid_t start(const std::vector<std::string>& argv, int output);

/// Runs a program to its end and gives what it printed. Throws std::runtime_error where it fails.
[[nodiscard]] std::string output_of(const std::vector<std::string>& argv);

} // namespace cardrig::benchmarks
