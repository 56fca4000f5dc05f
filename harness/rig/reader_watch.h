// What a PC/SC client sees of a reader: how the rig knows that a card is really in or out.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace cardrig::harness {

/// For one thread, with a PC/SC context of its own.
class ReaderWatch final {
public:
    /// `keep_waiting` is called now and then while waiting, and throws to stop it.
    ReaderWatch(std::string reader, std::function<void()> keep_waiting);
    ReaderWatch(const ReaderWatch&) = delete;
    ReaderWatch& operator=(const ReaderWatch&) = delete;
    ~ReaderWatch();

    /// Connects to the daemon that PCSCLITE_CSOCK_NAME names and waits for the reader, unless that was done.
    /// Throws HostError. The library gives no way to interrupt the wait for the daemon's first answer but to
    /// end the daemon.
    void open(std::chrono::milliseconds limit);
    /// False if that does not come to pass in time, or `in_vain` says that it never will. Throws HostError if
    /// the daemon is gone.
    [[nodiscard]] bool wait_for_card(bool present, std::chrono::milliseconds limit,
                                     const std::function<bool()>& in_vain);

private:
    [[nodiscard]] std::vector<std::string> list() const;

    const std::string reader_;
    std::function<void()> keep_waiting_;
    long context_ = 0;
    bool established_ = false;
    bool there_ = false;
    std::optional<unsigned long>
        seen_present_; ///< pcscd's event count when the card was last seen in, if it was
};

} // namespace cardrig::harness
