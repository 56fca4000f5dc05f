// One reader on our own driver: what pcscd is told of it, and the card that is in it.
#pragma once

#include "harness/ifd/card_turns.h"
#include "harness/ifd/packets.h"
#include "harness/reader.h"
#include "harness/rig/unique_fd.h"
#include "harness/serve/wakeup.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

namespace cardrig::harness {

/// pcscd knows a reader by the transitions that it was told, one at a time. Commands are for the card that
/// it believes in: until it has heard of everything that happened meanwhile, they find no card.
class RigReader final : public Reader {
public:
    /// The turns are shared by all readers that cards move between, and outlive them.
    explicit RigReader(CardTurns& turns) : turns_(turns) {}
    ~RigReader() override;

    void insert(ReaderCard& card) override;
    void remove() override;
    void cut_power() override;
    void unplug() override;
    void plug() override;
    [[nodiscard]] ReaderCard* card() const override;
    [[nodiscard]] bool plugged() const override;
    [[nodiscard]] bool settle(std::chrono::milliseconds limit,
                              const std::function<void()>& keep_waiting) override;
    [[nodiscard]] std::exception_ptr error() const override;

    /// The driver's line for commands: from now on it is served by a thread. False where there is one.
    [[nodiscard]] bool serve_commands(std::shared_ptr<const UniqueFd> line);
    /// The driver's line for events; whoever reads it tells us what comes. False where there is one.
    [[nodiscard]] bool tell_events(std::shared_ptr<const UniqueFd> line);
    void acknowledged(ifd::Acknowledgement acknowledgement);
    void events_lost();
    /// Waits until clients can have seen its first state. False where the time is over.
    /// Throws HostError where the daemon has let go of it.
    [[nodiscard]] bool wait_until_open(std::chrono::steady_clock::time_point deadline,
                                       const std::function<void()>& keep_waiting);
    /// The rig has to end: ReaderCard::hurry() for the card that is in, and for each that comes.
    void hurry();
    /// Ends the lines, and the threads once their commands have come to an end.
    void close();

private:
    /// A card's time in this reader.
    struct Stay {
        explicit Stay(ReaderCard& in) : card(in) {}
        ReaderCard& card;
        bool used = false;     ///< a command of this reader has had its turn with it
        int given_up_jobs = 0; ///< that still run: the last of them switches it off
        // Of whoever has the card's turn:
        bool on = false;
        bool speaks = false; ///< it has an ATR
        bool cut = false;    ///< its power failed: silent until it is powered on again
    };
    using StayPtr = std::shared_ptr<Stay>;

    /// The driver's line for commands and what wakes the thread that serves it.
    struct CommandLine {
        std::shared_ptr<const UniqueFd> socket;
        Wakeup wakeup;
    };
    using LinePtr = std::shared_ptr<const CommandLine>;

    /// A command on its way through a card.
    struct Job {
        StayPtr stay;
        CardTurns::Turn turn = 0;
        bool has_turn = false;              ///< of the thread that runs it
        std::atomic<bool> given_up = false; ///< it was answered by somebody else
        bool power_cut = false;             ///< because of that: the card stays in
    };
    using JobPtr = std::shared_ptr<Job>;

    struct Result {
        ifd::Outcome outcome = ifd::Outcome::failed;
        Bytes data;
        bool left = false; ///< the card is out by its own doing
        std::exception_ptr error;
    };

    /// What pcscd is told, and of which card.
    struct News {
        ifd::Transition transition{1, ifd::Presence::absent};
        const ReaderCard* card = nullptr; ///< the one that is in after it
    };

    struct Retired {
        StayPtr stay;
        CardTurns::Turn turn = 0;
    };

    struct Served {
        std::thread thread;
        std::shared_ptr<std::atomic<bool>> done;
    };

    void start_serving(const LinePtr& line);
    void serve(const LinePtr& line);
    [[nodiscard]] bool handle(const CommandLine& line, const ifd::Request& request);
    [[nodiscard]] std::optional<Result> answer_without_card(ifd::Ask ask) const;
    [[nodiscard]] bool finish(Job& job, const Result& result, const CommandLine& line, ifd::Ask ask);
    [[nodiscard]] Result run(Job& job, const ifd::Request& request);
    [[nodiscard]] static Result run_on_card(Stay& stay, const ifd::Request& request);
    [[nodiscard]] static Result power_up(Stay& stay);
    [[nodiscard]] static Result reset(Stay& stay);
    [[nodiscard]] static Result transmit(Stay& stay, ByteView command);
    static void reply(const CommandLine& line, const Result& result);
    void retire(const StayPtr& stay);
    void switch_off(Stay& stay);
    void end_given_up(Job& job);
    void switch_off_retired();

    [[nodiscard]] bool wait_for(std::chrono::steady_clock::time_point deadline,
                                const std::function<void()>& keep_waiting,
                                const std::function<bool()>& reached);
    void take_out(std::unique_lock<std::mutex>& lock);
    void take_power(const StayPtr& stay, ifd::Outcome why, std::unique_lock<std::mutex>& lock);
    void note();
    [[nodiscard]] News news() const;
    [[nodiscard]] ifd::Presence believed() const;
    void flush();

    CardTurns& turns_;
    mutable std::mutex mutex_;
    std::condition_variable acknowledged_now_;

    StayPtr stay_;
    bool plugged_ = true;
    std::exception_ptr error_;

    LinePtr line_;
    JobPtr job_;                       ///< the command that runs
    std::optional<ifd::Outcome> owed_; ///< what the driver is to hear of a command that was given up
    std::deque<Retired> retired_;      ///< to be switched off on the thread that serves
    std::list<Served> threads_;
    bool closed_ = false;
    bool hurried_ = false;

    std::shared_ptr<const UniqueFd> events_;
    std::deque<News> queue_; ///< not told yet
    News told_;
    std::map<const ReaderCard*, Bytes> atrs_; ///< what each card said last here; all outlive the reader
    std::uint64_t last_ = 1;                  ///< the number of the latest transition, told or not
    std::uint64_t first_ = 0;                 ///< the number of the first one that this daemon was told
    std::uint64_t acknowledged_ = 0;          ///< told_'s number once pcscd has told its clients
    bool lost_ = false;                       ///< the driver was there, and is gone
    int held_ = 0;                            ///< nothing is told while a card loses its power
};

} // namespace cardrig::harness
