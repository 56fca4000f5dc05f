// One of vpcd's slots in the private daemon, as a reader.
#pragma once

#include "harness/ifd/card_turns.h"
#include "harness/reader.h"
#include "harness/rig/keeper.h"
#include "harness/rig/reader_watch.h"
#include "harness/vpcd_link.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace cardrig::harness {

/// vpcd sees that a card comes or goes only when pcscd looks, and would see nothing of one that is taken out
/// and put back in between. So what is asked for waits in a queue for a thread that does one thing after the
/// other, each until PC/SC clients can see it.
class VpcdReader final : public Reader {
public:
    /// `slot` from 0. A card is in from the start: its connection was asked of the keeper before the daemon
    /// started. No thread yet.
    /// The turns are shared by all readers that cards move between, and outlive them.
    VpcdReader(const std::string& name, int slot, ReaderCard* card, CardTurns& turns);
    /// The daemon, the last of which the thread waits for, has ended by now.
    ~VpcdReader() override;

    /// From now on it has a thread. The keeper outlives it.
    void start(Keeper& keeper);
    /// The card is out, and nothing further is done.
    void stop();

    void insert(ReaderCard& card) override;
    void remove() override;
    void unplug() override;
    void plug() override;
    [[nodiscard]] ReaderCard* card() const override;
    [[nodiscard]] bool plugged() const override;
    /// Throws HostError where vpcd or the daemon fails.
    [[nodiscard]] bool settle(std::chrono::milliseconds limit,
                              const std::function<void()>& keep_waiting) override;
    [[nodiscard]] std::exception_ptr error() const override;

private:
    enum class Step : std::uint8_t { open, put_in, take_out };
    /// One thing to do. A stay is the time from a card's insertion to its removal; they are numbered from 1.
    struct Task {
        Step step = Step::open;
        std::uint64_t stay = 0;
        ReaderCard* card = nullptr; ///< to put in
        bool requested = false;     ///< the connection was
        CardTurns::Turn turn = 0;   ///< to put in: the card's, until it is out
    };

    void add(const Task& task);
    void put_in(ReaderCard& card, bool requested);
    void take_out();
    void note_end(std::uint64_t stay);
    void work();
    [[nodiscard]] bool take_task(Task& task);
    void carry_out(const Task& task);
    void connect(const Task& task);
    void disconnect();
    [[nodiscard]] bool left() const;
    void check() const;

    const int slot_;
    CardTurns& turns_;
    Keeper* keeper_ = nullptr;
    ReaderWatch watch_; ///< the thread's

    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    std::atomic<bool> stopping_ = false;
    bool plugged_ = true;
    ReaderCard* card_ = nullptr;
    std::uint64_t stay_ = 0;  ///< the card's; 0 where none is to be seen
    std::uint64_t stays_ = 0; ///< so many there were
    std::deque<Task> tasks_;
    std::uint64_t asked_ = 0; ///< so many things
    std::uint64_t done_ = 0;  ///< so many of them
    std::uint64_t link_stay_ = 0;
    const ReaderCard* turn_card_ = nullptr; ///< the thread's: whose turn it has
    CardTurns::Turn turn_ = 0;
    std::unique_ptr<VpcdLink> link_; ///< changed by the thread alone, with the mutex held
    std::exception_ptr error_;       ///< the card's
    std::exception_ptr trouble_;     ///< the daemon's, or vpcd's
    std::thread thread_;
};

} // namespace cardrig::harness
