// What a card in the rig is made of, and how it runs a command through its faults.
#pragma once

#include "harness/fault_plan.h"
#include "harness/rigged_card.h"
#include "harness/system_clock.h"

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace cardrig::harness {

struct RiggedCard::Parts {
    /// What the faults of one command, or of one start, have come to.
    struct Course {
        std::vector<Fault> happened; ///< in order
        std::size_t told = 0;        ///< of them, to on_fault
        std::optional<NoAnswer> out; ///< the card was taken out, or its power taken
        bool restart = false;        ///< it was reset at a memory write
        bool cut = false;            ///< a memory write was cut
    };

    /// One command, and what became of it.
    struct Exchange {
        ByteView command;
        apdu::DecodedCommand decoded;
        bool delivered = false;
        std::optional<apdu::StatusWord> card_status{}; ///< what the card answered
        std::optional<Bytes> response{};               ///< what the client gets
        bool truncated = false;                        ///< its end is no status word
    };

    RiggedCard& self;
    const emulator::CardConfig config;
    emulator::MemoryNvm memory;
    FaultyNvm nvm; ///< failing() while the power is gone, from whatever thread
    emulator::CryptoContext crypto;
    emulator::ContextEntropy entropy;
    std::unique_ptr<emulator::KeySource> keys;
    SystemClock clock;
    Trace& trace;
    const std::string name;       ///< in the trace, if it has one there
    std::atomic<int> next_reader; ///< told by whoever puts it in
    FaultPlan faults;             ///< has its own lock, so that faults are planned while a command runs

    /// Held while the card does something. Recursive, so that a function that a fault calls may look at the
    /// card.
    std::recursive_timed_mutex mutex;
    int depth = 0; ///< of calls under the mutex
    int reader;    ///< that it was powered on in last, for the trace
    apdu::Decoder decoder;
    /// The volatile half: there while the card has power, and gone with it.
    std::unique_ptr<emulator::Card> card;
    std::atomic<bool> alive = false;    ///< there is a card: for those without the mutex
    std::atomic<bool> forsaken = false; ///< nobody waits for an answer
    std::optional<Mute> mute;
    bool in_command = false; ///< it is executing one
    bool lost = false;       ///< the power was lost, not switched off: a reset powers it on
    std::optional<std::uint32_t> fill_later;
    Course course;

    std::mutex power_mutex;     ///< for the power's failing and the clock's interruption together
    std::mutex callbacks_mutex; ///< held while one of these runs
    World* world = nullptr;
    std::function<void(const Fault&)> on_fault;
    std::function<void(const MemoryAccess&)> on_memory;

    Parts(RiggedCard& owner, int first_reader, emulator::CardImage image, std::optional<std::uint64_t> seed,
          Trace& events, std::string shown_name);

    /// Who starts the card: a reader gives it power again, whatever became of it before; by itself it starts
    /// only with the power that it has.
    enum class By : std::uint8_t { reader, itself };

    // Under the mutex.
    void start(By by = By::reader);
    void reset();
    void switch_off();
    [[nodiscard]] Answer transmit(ByteView command);
    void fill(std::uint32_t leaving);
    void rewind(emulator::CardImage image, std::uint64_t seed);
    /// What the power's failing left to do: the volatile half goes.
    void settle();

    // From any thread.
    void fail_power();

    // Without the mutex.
    [[nodiscard]] bool announce();

private:
    [[nodiscard]] bool take_power(By by);
    [[nodiscard]] bool start_once(By by);
    void lose_volatile();
    void on_write(std::uint64_t write, std::uint32_t offset, ByteView bytes);
    void tell_memory(const MemoryAccess& access);
    void befall_at_write(const Fault& fault);
    void on_time(std::chrono::microseconds used);
    [[nodiscard]] bool befalls_this(const Fault& fault);
    void pass_on(Exchange& exchange);
    void befall(Exchange& exchange, const Fault& fault);
    void befall_all(Exchange& exchange, const std::vector<Fault>& due);
    void reset_card();
    [[nodiscard]] bool is_out() const { return course.out || course.cut || nvm.failing(); }
    void trace_event(const char* kind, nlohmann::json fields);
    void trace_exchange(const Exchange& exchange, double milliseconds);
    void trace_faults();
    void tell();
    [[nodiscard]] NoAnswer go_out();
};

} // namespace cardrig::harness
