// Cards in a vpcd that runs already: put in, put in again when it comes back, until a signal.
#pragma once

#include "harness/reader_card.h"
#include "harness/serve/endpoint.h"
#include "harness/serve/slot_reader.h"
#include "harness/signal_watch.h"

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace cardrig::harness {

struct ServiceOptions {
    std::vector<ReaderCard*> cards; ///< one or two; each has the next port
    Endpoint endpoint;              ///< of the first slot
    /// vpcd connects to us. It does so for both its slots: one that has no card of ours gets something that
    /// nobody can talk to.
    bool reversed = false;
    /// Do not wait for a vpcd that is not there, nor for one that is gone.
    bool once = false;
    /// By which others move the cards, while it is served: one for each card, or none at all.
    std::vector<SlotReader*> readers;
    /// Theirs.
    SharedWakeup wakeup = std::make_shared<const Wakeup>();
    /// What a user should know, as it happens.
    std::function<void(const std::string&)> tell;
    /// A card was connected to its reader, or is no more.
    std::function<void(std::size_t card, bool in)> moved;
};

/// Why it came to its end.
struct ServiceEnd {
    int signal = 0;           ///< the one that asked for it
    bool unreachable = false; ///< with `once`: there is no vpcd; `trouble` says why
    bool gone = false;        ///< with `once`: there was one
    bool card_failed = false; ///< a card threw `error`, or (without one) had no answer
    std::string trouble;
    std::exception_ptr error;
};

/// Serves on this thread and one more for each card. At the end a command that runs is answered first, where
/// that does not take long; a second signal does not wait for it. Throws HostError or RequestError where it
/// cannot listen.
[[nodiscard]] ServiceEnd serve_cards(const ServiceOptions& options, const SignalWatch& signals);

} // namespace cardrig::harness
