// Our driver as pcscd has it: loaded, and called as pcscd 1.9.9 and 2.x call it.
#pragma once

#include "harness/ifd/reader_server.h"
#include "tests/harness/scripted_card.h"
#include "tests/harness/temporary_folder.h"

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <PCSC/ifdhandler.h>

namespace cardrig::harness::testing {

/// How long anything may take that has to happen.
inline constexpr std::chrono::seconds ample{20};

/// One reader that the driver has open. Reader numbers are pcscd's: the upper half of a Lun.
class DriverReader final {
public:
    DriverReader(const std::string& socket, std::size_t reader);
    DriverReader(const DriverReader&) = delete;
    DriverReader& operator=(const DriverReader&) = delete;
    ~DriverReader() { close(); }

    /// What IFDHCreateChannelByName said.
    [[nodiscard]] RESPONSECODE opened() const { return opened_; }
    void close();

    struct Answer {
        RESPONSECODE code = IFD_COMMUNICATION_ERROR;
        Bytes data;
    };
    [[nodiscard]] Answer power(DWORD action) const;
    /// Into a buffer of pcscd's size, or of a smaller one.
    [[nodiscard]] Answer transmit(const Bytes& command, std::size_t room = 65548) const;
    [[nodiscard]] Answer capability(DWORD tag, std::size_t room = 264) const;
    [[nodiscard]] Answer control(DWORD code, std::size_t room = 264) const;
    [[nodiscard]] RESPONSECODE protocol(DWORD protocol) const;
    [[nodiscard]] RESPONSECODE presence() const;
    RESPONSECODE wait(int milliseconds) const;
    RESPONSECODE stop_waiting() const;

private:
    DWORD lun_;
    RESPONSECODE opened_;
};

/// pcscd's polling thread for one reader: what it saw, in order.
class PollingThread final {
public:
    struct Seen {
        RESPONSECODE presence = 0;
        RESPONSECODE power = 0; ///< of a card that came: what its power-up said
    };

    explicit PollingThread(const DriverReader& reader);
    PollingThread(const PollingThread&) = delete;
    PollingThread& operator=(const PollingThread&) = delete;
    ~PollingThread();

    [[nodiscard]] std::vector<Seen> seen() const;
    [[nodiscard]] std::size_t wakes() const { return wakes_; }

private:
    void run();
    void look();

    const DriverReader& reader_;
    mutable std::mutex mutex_;
    std::vector<Seen> seen_;
    std::atomic<std::size_t> wakes_ = 0;
    std::atomic<bool> ending_ = false;
    std::thread thread_;
};

/// A rig's readers, and the driver that has opened the first ones of them.
struct DriverRig {
    explicit DriverRig(std::size_t count = 1, const std::function<void(ReaderServer&)>& before = {});

    [[nodiscard]] Reader& reader(std::size_t index = 0) const { return server->reader(index); }
    [[nodiscard]] const DriverReader& driver(std::size_t index = 0) const { return *drivers.at(index); }
    void settle(std::size_t index = 0) const;

    tests::TemporaryFolder folder;
    std::string socket = folder.file("ifd");
    std::unique_ptr<ReaderServer> server;
    std::vector<std::unique_ptr<DriverReader>> drivers;
};

} // namespace cardrig::harness::testing
