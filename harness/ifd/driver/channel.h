// One reader, as the driver in pcscd has it: its two connections to the rig.
#pragma once

#include "harness/ifd/atr_protocols.h"
#include "harness/ifd/packets.h"
#include "harness/rig/unique_fd.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include <sys/types.h>

namespace cardrig::harness::ifd {

/// pcscd calls the one from its polling thread and the others from its clients' threads, one after the other
/// but for stop_waiting() and close().
class Channel final {
public:
    /// What the rig answered: `size` bytes of data are in the caller's buffer. A success that does not fit
    /// is told by `fits`.
    struct Answer {
        Outcome outcome = Outcome::failed;
        std::size_t size = 0;
        bool fits = true;
    };

    /// `device` is the socket's path, a colon, and the reader's number from 0. None where that is no rig's
    /// socket, or where the rig refuses.
    [[nodiscard]] static std::shared_ptr<Channel> open(std::string_view device);

    [[nodiscard]] Answer ask(Ask ask, ByteView data, std::span<std::uint8_t> buffer);
    /// On the polling thread, and before there is one, the transition that pcscd is at: it must not skip one.
    /// Elsewhere what is true.
    [[nodiscard]] Presence presence();
    /// Returns when there is a transition (presence() tells it from then on), after `limit`, or when woken. A
    /// call says that pcscd has told its clients of the transition before.
    void wait_for_transition(std::chrono::milliseconds limit);
    /// Wakes that wait, or the next one.
    void stop_waiting();
    /// Ends what waits for the rig; all fails from now on.
    void close();

    [[nodiscard]] Answer power_up(Ask ask, std::span<std::uint8_t> buffer);
    [[nodiscard]] Answer power_down();
    /// What the last ATR offers; nothing while there is none.
    [[nodiscard]] AtrProtocols protocols() const;
    [[nodiscard]] Bytes atr() const;

private:
    Channel(UniqueFd commands, UniqueFd events, UniqueFd wakeup, Transition first);
    void take_transition();
    void forget_atr();
    void acknowledge();

    UniqueFd commands_;
    UniqueFd events_;
    UniqueFd wakeup_;
    std::mutex asking_;
    std::atomic<Presence> latch_;
    std::atomic<pid_t> polling_thread_ = 0;
    std::atomic<bool> closed_ = false;
    // Of the polling thread alone.
    std::uint64_t number_;
    bool acknowledged_ = false;
    bool rig_is_gone_ = false;
    std::chrono::steady_clock::time_point next_at_;

    mutable std::mutex atr_mutex_;
    Bytes atr_;
    std::uint64_t forgotten_ = 0; ///< so many times a transition took it away
};

} // namespace cardrig::harness::ifd
