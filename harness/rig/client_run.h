// One run of a client, from its start to its end.
#pragma once

#include "harness/rig.h"
#include "harness/rig/keeper.h"
#include "harness/signal_watch.h"

namespace cardrig::harness {

/// `launch` says what is started; `command` how it is treated. `signals` may be null. If the daemon ends
/// meanwhile, the client is ended, and keeper.daemon_status() tells.
[[nodiscard]] ClientResult run_client(Keeper& keeper, const SignalWatch* signals, const Launch& launch,
                                      const ClientCommand& command);

} // namespace cardrig::harness
