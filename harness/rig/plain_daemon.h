// Whether a private daemon without namespaces would do harm.
#pragma once

#include "harness/rig/guardian.h"

#include <string>

namespace cardrig::harness {

/// What harm it would do ("it would overwrite ..."); empty for none.
[[nodiscard]] std::string harm_of_plain_daemon(const DaemonPlan& plan);

} // namespace cardrig::harness
