// Calls into the daemon know no time limits of their own; these do.
#pragma once

#include <chrono>
#include <functional>

namespace cardrig::client {

/// Runs `call` on a thread of its own and waits for its end, at most so long. False: it has not ended, and
/// goes on; so whatever it touches must be its own (shared). What it throws is lost: it must not throw.
[[nodiscard]] bool run_within(std::chrono::milliseconds limit, std::function<void()> call);

} // namespace cardrig::client
