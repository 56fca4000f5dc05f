// Whether somebody waits for a line from a terminal, as /proc shows it.
#pragma once

#include <string>
#include <sys/types.h>

namespace cardrig::harness {

/// Whether a thread of a process is in read() from a terminal (`terminal`, or /dev/tty), or in poll(),
/// select() or epoll_wait() or one of their kin, which would end because there is something to read from it.
/// Also false where the host does not tell.
[[nodiscard]] bool waits_for_terminal(pid_t process, const std::string& terminal);

} // namespace cardrig::harness
