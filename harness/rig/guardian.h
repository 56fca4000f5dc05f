// The guardian: the process that isolates, starts and ends the private daemon, and connects cards to it from
// where it can be reached. harness/README.md draws the whole picture.
#pragma once

#include "harness/rig/pcsc_host.h"

#include <cstdint>
#include <functional>
#include <string>
#include <sys/types.h>

namespace cardrig::harness {

enum class Isolation {
    namespaces,      ///< mount, network and process namespaces
    user_namespaces, ///< the same below a user namespace, for whoever is not root
    none,
};

/// What the daemon finds its readers by.
struct DaemonReaders {
    /// reader.conf(5). The first of two ports is for readers that need them; only the guardian knows it.
    std::function<std::string(std::uint16_t first_port)> configuration;
    /// The daemon listens for cards on two ports, as vpcd does.
    bool on_ports = false;
};

struct DaemonPlan {
    PcscHost host;
    DaemonReaders readers;
    std::string folder; ///< the rig's private folder
    int listener = -1;  ///< listening socket that clients connect to
    int requests = -1;  ///< the guardian's end of the rig's wish for connections
    uid_t user = 0;     ///< the rig's own
    gid_t group = 0;
};

[[nodiscard]] std::string daemon_log(const std::string& folder);

/// In the keeper: makes the guardian's process. It talks to the keeper over `keeper`. Returns its process id,
/// or -1 with errno where the host refuses such namespaces.
[[nodiscard]] pid_t start_guardian(const DaemonPlan& plan, Isolation isolation, int keeper);

} // namespace cardrig::harness
