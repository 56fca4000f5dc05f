#include "harness/signal_watch.h"

#include <sys/signalfd.h>

namespace cardrig::harness {

SignalWatch::SignalWatch() {
    sigset_t watched;
    sigemptyset(&watched);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
        struct sigaction action {};
        sigaction(signal, nullptr, &action);
        if (action.sa_handler != SIG_IGN) { // nohup means it
            sigaddset(&watched, signal);
        }
    }
    pthread_sigmask(SIG_BLOCK, &watched, &before_);
    descriptor_.reset(signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK));
}

SignalWatch::~SignalWatch() {
    while (take()) { // what came too late to matter must not end the process when it is let through
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

std::optional<SignalWatch::Event> SignalWatch::take() const {
    signalfd_siginfo info{};
    if (read(descriptor_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) {
        return std::nullopt;
    }
    return Event{static_cast<int>(info.ssi_signo), info.ssi_code == SI_KERNEL};
}

} // namespace cardrig::harness
