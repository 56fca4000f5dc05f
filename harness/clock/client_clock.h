// Another date for clients, by libfaketime.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <sys/types.h>

namespace cardrig::harness {

/// What a client's environment needs so that its clock is so far from the host's.
/// The clock goes on, never stands, and the monotonic one is left alone. Throws HostError where libfaketime
/// is missing, naming the package.
[[nodiscard]] std::map<std::string, std::string> clock_environment(std::chrono::seconds offset);

/// libfaketime, as a file. Throws HostError, naming the package.
[[nodiscard]] std::string find_libfaketime();

/// What libfaketime leaves behind of a process that was killed.
void remove_clock_leftovers(pid_t process);

} // namespace cardrig::harness
