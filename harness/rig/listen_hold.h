// Holds the daemon for the moment at which it begins to listen for cards.
//
// vpcd looks for a card right after it begins to listen, and then only every 400 ms: a card that is to be
// there from the start has to connect in between, which nobody can who only tries again and again. So the
// daemon's listen() is handed to the guardian (seccomp_unotify(2)), which makes the socket listen, connects
// the cards to it, and lets the daemon go on.
#pragma once

#include "harness/rig/unique_fd.h"

#include <cstdint>
#include <functional>
#include <sys/types.h>

namespace cardrig::harness {

/// In the process that becomes the daemon: from now on its listen() waits for whoever holds what is returned;
/// none, and nothing held, where the host does not offer that. The process gains no privileges by exec any
/// more.
[[nodiscard]] UniqueFd hold_listen();

/// In the guardian, once what hold_listen() returned is readable: makes the socket of `daemon` listen, calls
/// `listening` with its TCP port, and lets the daemon go on. Where the socket cannot be had the daemon makes
/// it listen by itself, and nothing is called.
void release_listen(int hold, pid_t daemon, const std::function<void(std::uint16_t port)>& listening);

} // namespace cardrig::harness
