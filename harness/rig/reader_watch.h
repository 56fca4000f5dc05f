// What a PC/SC client sees of the readers: how the rig knows that a card is really in or out.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace cardrig::harness {

class ReaderWatch final {
public:
    /// `keep_waiting` is called now and then while waiting, and throws to stop it.
    explicit ReaderWatch(std::function<void()> keep_waiting);
    ReaderWatch(const ReaderWatch&) = delete;
    ReaderWatch& operator=(const ReaderWatch&) = delete;
    /// If the daemon has not answered open() yet, it must have ended by now.
    ~ReaderWatch();

    /// Connects to the daemon that PCSCLITE_CSOCK_NAME names and waits for these readers. Throws HostError.
    void open(const std::vector<std::string>& readers, std::chrono::milliseconds limit);
    /// False if that does not come to pass in time, or `in_vain` says that it never will. Throws HostError if
    /// the daemon is gone.
    [[nodiscard]] bool wait_for_card(const std::string& reader, bool present, std::chrono::milliseconds limit,
                                     const std::function<bool()>& in_vain);

private:
    void establish();
    [[nodiscard]] std::vector<std::string> list() const;

    std::function<void()> keep_waiting_;
    std::thread thread_; ///< waits for the daemon's first answer
    long context_ = 0;
    bool open_ = false;
    std::map<std::string, unsigned long>
        seen_present_; ///< pcscd's event count when the card was last seen in, if it was
};

} // namespace cardrig::harness
