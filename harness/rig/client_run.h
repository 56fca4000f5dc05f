// One run of a client, from its start to its end.
#pragma once

#include "harness/rig.h"
#include "harness/rig/client_streams.h"
#include "harness/rig/keeper.h"
#include "harness/signal_watch.h"

namespace cardrig::harness {

/// `launch` says what is started; `command` how it is treated; `streams` are the client's, null where it is
/// attached. `signals` may be null. If the daemon ends meanwhile, the client is ended, and
/// keeper.daemon_status() tells.
[[nodiscard]] ClientResult run_client(Keeper& keeper, const SignalWatch* signals, const Launch& launch,
                                      const ClientCommand& command, ClientStreams* streams);

} // namespace cardrig::harness
