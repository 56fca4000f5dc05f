// Processes below this one, as /proc shows them.
#pragma once

#include <filesystem>
#include <string>
#include <sys/types.h>
#include <vector>

namespace cardrig::harness {

/// All descendants of this process, those of `except` and itself left out; children before grandchildren. One
/// that is being born or dies meanwhile may be missed: ask again after each death. None of its own children
/// is missed, as nobody but itself takes them away: it has one thread, or waits for none of them meanwhile.
[[nodiscard]] std::vector<pid_t> descendants(pid_t except);

/// A process and all below it. One that is born or dies meanwhile may be missed, and others with it.
[[nodiscard]] std::vector<pid_t> family_of(pid_t process);

/// Of a process, as folders in /proc; none where there is no such process.
[[nodiscard]] std::vector<std::filesystem::path> threads_of(pid_t process);

/// Whether every thread of a process, and of all that are below it, sleeps and waits for something; those
/// that have ended are left aside. False where there is no such process.
[[nodiscard]] bool all_asleep(pid_t process);

/// A process's own name for itself, 15 characters at most; empty if there is no such process.
[[nodiscard]] std::string name_of(pid_t process);

} // namespace cardrig::harness
