// Threads that no signal is handled on.
#pragma once

#include <csignal>
#include <thread>
#include <utility>

namespace cardrig::harness {

/// Signals are for the thread that waits for them, never for one of these.
template <class Function>
[[nodiscard]] std::thread start_without_signals(Function function) {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    std::thread thread(std::move(function));
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return thread;
}

} // namespace cardrig::harness
