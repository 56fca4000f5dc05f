// What this host offers, one thing at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace cardrig::harness {

enum class CheckState : std::uint8_t { ok, limited, missing };

struct Check {
    std::string name; ///< such as "pcscd"; one word, for programs
    CheckState state = CheckState::ok;
    std::string found;   ///< what is there, or why it is not
    std::string means;   ///< which reader or command it is for, and what goes on without it
    std::string package; ///< what to install, where that helps and something is missing
    bool needed = false; ///< without it, `run` and `exec` do not work
};

using Checks = std::vector<Check>;

/// The daemon, the driver, the client library, the tools that scenarios and tests drive, OpenSSL and what
/// plugs into it. Looks for files and asks programs for their version. `keep_waiting` is called now and then
/// meanwhile, and throws to stop it; as in check_host().
[[nodiscard]] Checks check_software(const std::function<void()>& keep_waiting);
/// Namespaces, /run, ports, a daemon that runs already, USB, the folder of keys. Tries what can be tried
/// without leaving anything, in processes of its own: call it while there is one thread.
[[nodiscard]] Checks check_host(const std::function<void()>& keep_waiting);

/// The protocol that this process's libpcsclite speaks to a daemon, such as "4:4"; empty if it does not say.
/// Found out in a new process, as the library knows one daemon a process. Call it while there is one thread.
[[nodiscard]] std::string pcsc_protocol();

} // namespace cardrig::harness
