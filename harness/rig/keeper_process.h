// The keeper: a process that outlives the rig by as long as it takes to clean up after it. It starts the
// guardian and the clients, and when the rig ends, in whatever way, it ends them and everything that they
// started, and removes the rig's folder.
#pragma once

#include "harness/rig/guardian.h"
#include "harness/rig/launch.h"

namespace cardrig::harness {

struct KeeperPlan {
    DaemonPlan daemon;
    int rig = -1; ///< the keeper's end of the line to the rig
    SignalState signals;
};

/// In a process just forked: never returns.
[[noreturn]] void keep(const KeeperPlan& plan);

} // namespace cardrig::harness
