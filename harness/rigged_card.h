// A card in the rig: an image brought to life behind decorators that trace it and make it fail at chosen
// places.
#pragma once

#include "apdu/decoder.h"
#include "emulator/card.h"
#include "emulator/card_image.h"
#include "harness/fault.h"
#include "harness/faulty_nvm.h"
#include "harness/reader_card.h"
#include "harness/trace.h"
#include "harness/world.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cardrig::harness {

/// Why a card with its power switched on says nothing.
struct Mute {
    bool power_lost = false; ///< while it recovered its memory: the next power-on goes on from there
    std::string reason;      ///< what is wrong with its memory, or that power was cut
};

/// What a card asks of its memory, before it is done: a write within one page, or a sync.
struct MemoryAccess {
    std::uint64_t write = 0; ///< its number, as memory writes are counted; 0: a sync
    std::uint32_t offset = 0;
    ByteView bytes;          ///< valid during the call alone
    bool in_command = false; ///< else while it starts, or is reset
};

/// Thread-safe: a reader link drives it while somebody else looks at it, plans faults for it or moves it.
///
/// What the faults of its plan do, by the moment (scenarios/README.md has the table of verbs):
///
/// Before a command all that is due there happens, in the plan's order; then the command is delivered, unless
/// one of them answered in the card's place, or interrupted it.
///
/// After it the answer is changed, waits, or does not leave, in that order of the plan. A card that is reset
/// there has forgotten all that is volatile, and its answer leaves.
///
/// At a memory write one that interrupts tears that write, and the card is without power from there on.
/// `reset` tears it likewise, and the card starts again by itself, in place: the command has no answer
/// (NoAnswer::no_power), the next one gets one. All others happen while the write waits.
///
/// Where it is, and what moves it, is the World's to know. Without one it does alone what it can: `remove`
/// and `swap` take it out (NoAnswer::removed), `unplug` and `cut-power` take its power, whatever reader they
/// name; `insert`, `plug` and `kill-client` do nothing.
class RiggedCard final : public ReaderCard {
public:
    /// In the trace, which outlives the card, its events bear the index of its reader, `reader` at first (-1:
    /// it is in none yet), and its `name`, which is empty where nobody has to be told which card is meant.
    /// With a seed, keys and random numbers are reproducible.
    RiggedCard(int reader, emulator::CardImage image, std::optional<std::uint64_t> seed, Trace& trace,
               std::string name = {});
    ~RiggedCard() override;

    /// For whoever puts it into a reader, before it is powered on there: what it does is that reader's from
    /// its next power-on on. From any thread, also while a command runs.
    void set_reader(int index);

    /// Whom it turns to for faults that move something; none: nullptr. When it returns, the former one is
    /// called no more. Not from within World::happen() or an on_fault function.
    void set_world(World* world);
    /// Told of each fault when it has happened, on the card's thread: of one that interrupts when the card is
    /// without power, of one that waits when the wait is over. The same holds for it as for World::happen().
    void set_on_fault(std::function<void(const Fault&)> on_fault);

    /// Told of each memory access, on the card's thread: what the rig itself does to the memory is none. The
    /// same holds for it.
    void set_on_memory(std::function<void(const MemoryAccess&)> on_memory);

    /// The faults of this card, in place of all that are planned; each happens once, several at one place in
    /// this order. Places count commands from now.
    void plan(std::vector<Fault> faults);
    /// One more; commands count from now, and one that is under way does not. Returns Fault::id, which is the
    /// caller's to give.
    std::uint64_t add(Fault fault);
    /// Nothing is planned any more. Returns what had not happened.
    std::vector<Fault> forget();
    /// One of them, by its id; nothing happens where it is not there, or was due already.
    void forget(std::uint64_t id);
    /// Faults that have not happened yet.
    [[nodiscard]] std::vector<Fault> pending_faults() const;

    /// So much of its memory stays free for objects, rounded up to whole pages: what is more is taken up by
    /// objects that no command sees, and given back by the next call that leaves more. Neither counted nor
    /// traced as the card's own writes, and without effect on what the card is about. Without power it is
    /// done when the card next has started. Waits for a command that runs.
    void fill_memory(std::uint32_t leaving);
    /// The same, but false, and nothing done, where a command runs for longer than `limit`.
    [[nodiscard]] bool fill_memory(std::uint32_t leaving, std::chrono::milliseconds limit);

    void power_on() override;
    /// Why the last power-on left it without an ATR; none where it has one, and after power_off().
    [[nodiscard]] std::optional<Mute> mute() const;
    void power_off() override;
    /// A card that has lost its power by a fault or by lose_power() is powered on again by it.
    void reset() override;
    /// By somebody who is not its reader: without power, where nothing is left that it could forget, nothing
    /// happens. False, and nothing done, where a command runs for longer than `limit`.
    [[nodiscard]] bool reset_powered(std::chrono::milliseconds limit);
    /// From any thread, also while a command runs.
    [[nodiscard]] Bytes atr() override;
    [[nodiscard]] bool powered() const;
    /// Whether a fault or lose_power() has taken its power, and nobody has switched it on or off since. Waits
    /// for a command that runs.
    [[nodiscard]] bool lost_power() const;
    [[nodiscard]] Answer transmit(ByteView command) override;
    void hurry() override;
    /// Whether nobody is there who waits for its answers. While that is so, what it is made to wait for is
    /// over at once, and a command that was held up before it reached the card does not reach it. From any
    /// thread, also while a command runs.
    void set_forsaken(bool forsaken);
    /// So far is its date from the host's. From any thread.
    void set_clock_offset(std::chrono::seconds offset);
    /// The memory write that a running command makes next is torn as by `cut-power`. Without any the command
    /// may have been executed; its answer does not leave.
    void lose_power() override;

    /// As a card that was just made of this image, with this seed: without power, nothing planned, its memory
    /// writes counted from 1. Only while it is in no reader; what it was about is over at once. Throws
    /// std::logic_error for another card's image, and where it was made without a seed.
    void rewind(emulator::CardImage image, std::uint64_t seed);
    /// The card as it is now: configuration and memory.
    [[nodiscard]] emulator::CardImage image() const;
    /// Memory writes since the rig began. From any thread, also while a command runs.
    [[nodiscard]] std::uint64_t writes() const;

private:
    struct Parts;
    class Entry;
    std::unique_ptr<Parts> parts_;
};

} // namespace cardrig::harness
