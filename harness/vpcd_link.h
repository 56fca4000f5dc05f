// One card in one vpcd reader: a connection and the thread that answers on it.
#pragma once

#include "harness/reader_card.h"
#include "harness/rig/unique_fd.h"
#include "harness/vpcd_frame.h"

#include <atomic>
#include <exception>
#include <functional>
#include <thread>

namespace cardrig::harness {

/// What whoever serves a card without waiting for it wants to hear of. Called on the link's own thread.
struct VpcdLinkEvents {
    std::function<void()> asked; ///< the reader asked for something for the first time: it is really there
    std::function<void()> ended; ///< connected() is false from now on
};

class VpcdLink final {
public:
    /// The card is powered on at once, and is in the reader from now on. It outlives the link.
    VpcdLink(UniqueFd connection, ReaderCard& card, VpcdLinkEvents events = {});
    VpcdLink(const VpcdLink&) = delete;
    VpcdLink& operator=(const VpcdLink&) = delete;
    /// Takes the card out: the reader sees it gone even while a command runs, and the card loses its power
    /// when that command is done.
    ~VpcdLink();

    /// Takes the card out as soon as a command that runs is answered; returns at once. A reader that does not
    /// take its answer is left to the destructor.
    void finish();
    /// Takes the card out as the destructor does, and returns at once: connected() tells when it is done.
    void leave();
    /// False once the card left by itself, or vpcd went away.
    [[nodiscard]] bool connected() const { return connected_.load(); }
    /// Waits until it is no more connected.
    void wait_for_end() const { connected_.wait(true); }
    /// Whether it was the card that left: it was mute, or had no answer. To be asked once connected() is
    /// false.
    [[nodiscard]] bool card_left() const { return !connected() && card_left_; }
    /// What the card threw, if it did; the card was then taken out. To be asked once connected() is false.
    [[nodiscard]] std::exception_ptr error() const { return connected() ? nullptr : error_; }

private:
    void serve();
    void serve_frames();
    [[nodiscard]] bool handle_frames(VpcdFrameReader& frames);
    [[nodiscard]] bool handle(ByteView payload);
    [[nodiscard]] bool answer(ByteView payload);
    void note_atr();

    UniqueFd connection_;
    ReaderCard& card_;
    VpcdLinkEvents events_;
    Bytes atr_;
    bool asked_ = false;
    bool card_left_ = false;
    std::exception_ptr error_;
    std::atomic<bool> finishing_ = false;
    std::atomic<bool> connected_ = true;
    std::thread thread_;
};

} // namespace cardrig::harness
