// The two ports that vpcd listens on, and connections to them.
#pragma once

#include "harness/rig/unique_fd.h"

#include <cstdint>

namespace cardrig::harness {

/// Two adjacent ports, one for each of vpcd's slots.
class PortPair final {
public:
    PortPair() = default;
    /// vpcd's own, for where nobody else can have them.
    [[nodiscard]] static PortPair usual();
    /// A pair that nobody listens on and that no other rig has; reserved among rigs until it is destroyed.
    /// Throws HostError.
    [[nodiscard]] static PortPair find_free();

    [[nodiscard]] std::uint16_t first() const { return first_; }

private:
    std::uint16_t first_ = 0;
    UniqueFd reservation_;
};

struct Connection {
    UniqueFd socket;
    int error = 0; ///< errno where there is no socket
};

/// To a port on this host; one try.
[[nodiscard]] Connection connect_to_port(std::uint16_t port);

} // namespace cardrig::harness
