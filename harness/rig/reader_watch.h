// What a PC/SC client sees of the readers: how the rig knows that a card is really in or out.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace cardrig::harness {

class ReaderWatch final {
public:
    /// `keep_waiting` is called now and then while waiting, and throws to stop it.
    explicit ReaderWatch(std::function<void()> keep_waiting);
    ReaderWatch(const ReaderWatch&) = delete;
    ReaderWatch& operator=(const ReaderWatch&) = delete;
    ~ReaderWatch();

    /// Connects to the daemon that PCSCLITE_CSOCK_NAME names and waits for these readers. Throws HostError.
    void open(const std::vector<std::string>& readers, std::chrono::milliseconds limit);
    /// False if that does not come to pass in time. Throws HostError if the daemon is gone.
    [[nodiscard]] bool wait_for_card(const std::string& reader, bool present,
                                     std::chrono::milliseconds limit);

private:
    [[nodiscard]] std::vector<std::string> list() const;

    std::function<void()> keep_waiting_;
    long context_ = 0;
    bool open_ = false;
    std::map<std::string, unsigned long> seen_present_; ///< pcscd's event count when a card was last seen in
};

} // namespace cardrig::harness
