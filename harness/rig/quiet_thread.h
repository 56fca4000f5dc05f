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
    struct Restore {
        const sigset_t& mask;
        ~Restore() { pthread_sigmask(SIG_SETMASK, &mask, nullptr); }
    } const restore{before}; // also where there is no thread to be had
    return std::thread(std::move(function));
}

} // namespace cardrig::harness
