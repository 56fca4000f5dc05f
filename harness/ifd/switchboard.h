// The rig's end of the socket that its driver connects to: who is let in, and which reader it is for.
#pragma once

#include "harness/ifd/reader_server.h"
#include "harness/ifd/rig_reader.h"
#include "harness/serve/wakeup.h"

#include <chrono>
#include <deque>
#include <thread>

namespace cardrig::harness {

class ReaderServer::Switchboard final {
public:
    Switchboard(std::string path, std::size_t readers);
    Switchboard(const Switchboard&) = delete;
    Switchboard& operator=(const Switchboard&) = delete;
    ~Switchboard();

    void start();
    [[nodiscard]] std::size_t size() const { return readers_.size(); }
    [[nodiscard]] RigReader& reader(std::size_t index) { return readers_.at(index); }

private:
    /// A connection before it has said what it is for, or a reader's line for events.
    struct Peer {
        std::shared_ptr<const UniqueFd> socket;
        RigReader* reader = nullptr; ///< whose events it gets
    };

    using Clock = std::chrono::steady_clock;

    void serve();
    void let_in();
    [[nodiscard]] bool listen_to(Peer& peer);
    [[nodiscard]] bool introduce(Peer& peer, ByteView packet);

    std::string path_;
    UniqueFd listener_;
    Wakeup stop_;
    CardTurns turns_;
    std::deque<RigReader> readers_;
    std::vector<Peer> peers_;
    Clock::time_point full_until_; ///< nobody can be let in
    std::thread thread_;
};

} // namespace cardrig::harness
