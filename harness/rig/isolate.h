// What a fresh set of namespaces needs before a daemon can run in it.
#pragma once

#include "harness/rig/guardian.h"

namespace cardrig::harness {

/// In the new namespaces' first process. Throws HostError with the step that was refused.
void isolate(const DaemonPlan& plan, Isolation isolation);

} // namespace cardrig::harness
