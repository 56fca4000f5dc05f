// The rig's side of its own PC/SC driver: the readers that a private daemon finds behind one socket.
#pragma once

#include "harness/reader.h"
#include "harness/reader_kind.h"
#include "harness/rig/unique_fd.h"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace cardrig::harness {

class ReaderServer final {
public:
    /// Listens at `socket`, a path in a folder that is nobody else's; throws HostError where it cannot. No
    /// thread yet, so that the process can still fork. Readers may get cards before the daemon starts: these
    /// are in from the start.
    ReaderServer(std::string socket, std::size_t readers);
    ReaderServer(const ReaderServer&) = delete;
    ReaderServer& operator=(const ReaderServer&) = delete;
    /// Ends the connections, and waits for commands that still run: hurry() has them end soon.
    ~ReaderServer();

    /// From now on it has threads. Before the daemon is started, or while it starts: it waits a while for us.
    void start();
    [[nodiscard]] std::size_t size() const;
    [[nodiscard]] Reader& reader(std::size_t index);
    /// The rig has to end: ReaderCard::hurry() for all cards in the readers, and for those that come into one
    /// from now on. From any thread.
    void hurry();
    /// Until the daemon has opened each reader and shown clients its first state (the driver tells by its
    /// first wait for events). Throws HostError after `limit`; `keep_waiting` throws to stop it.
    void wait_until_open(std::chrono::milliseconds limit, const std::function<void()>& keep_waiting);

private:
    class Switchboard;
    std::unique_ptr<Switchboard> switchboard_;
};

/// What pcscd reads to find these readers: one stanza each, in one file, because it reads files in any order.
/// Throws RequestError where a name or a path cannot be written in it.
[[nodiscard]] std::string reader_configuration(const std::string& library, const std::string& socket,
                                               const std::vector<std::string>& names);

/// Our driver: what CARDRIG_IFD names, else ../lib/cardrig/libifdcardrig.so beside the executable. Throws
/// HostError where it is not there, or where pcscd could not load it.
[[nodiscard]] std::string find_driver();

/// What clients see a reader listed as: pcscd numbers the readers of one driver, in order, whatever their
/// names.
[[nodiscard]] std::string reader_name(const std::string& friendly, std::size_t index);

} // namespace cardrig::harness
