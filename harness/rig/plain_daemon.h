// Whether a private daemon without namespaces would do harm.
#pragma once

#include "harness/rig/guardian.h"

#include <string>

namespace cardrig::harness {

/// Whether a pcscd runs that is not another rig's: those have their readers in a rig's folder.
[[nodiscard]] bool somebody_elses_daemon_runs();

/// What harm it would do ("it would overwrite ..."); empty for none.
[[nodiscard]] std::string harm_of_plain_daemon(const DaemonPlan& plan);

} // namespace cardrig::harness
