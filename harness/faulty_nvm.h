// Memory that loses power: the decorator around a card's memory that counts writes and, at a planned one,
// leaves what a tearing model says and throws.
#pragma once

#include "apdu/result.h"
#include "emulator/nvm.h"
#include "harness/tearing.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>

namespace cardrig::harness {

using apdu::Bytes;
using apdu::ByteView;

/// Thrown where the power goes. Not a std::exception, so that no handler for one takes it for an error of the
/// card's: only the rig catches it.
struct PowerCut {
    std::uint64_t write = 0; ///< the memory write at which it went, from 1; 0 elsewhere
};

class FaultyNvm final : public emulator::Nvm {
public:
    /// `memory` outlives it and is what is left after a cut, weak bits included.
    explicit FaultyNvm(emulator::MemoryNvm& memory);

    /// Plans a cut at the n-th write from now, n from 1. Replaces an earlier plan.
    void cut_at(std::uint64_t write, Tearing tearing);
    void cancel_cut();
    /// Writes so far, since it was made; a cut one counts.
    /// From any thread.
    [[nodiscard]] std::uint64_t writes() const { return writes_; }
    /// The power fails now: what is written next, or synced, is cut there, torn as by Tearing{} unless a cut
    /// is planned for that very write. Until power_on(). From any thread.
    void fail() { failing_ = true; }
    [[nodiscard]] bool failing() const { return failing_; }
    /// While quiet, writes are neither counted nor shown to the observer: for what the rig itself does to a
    /// memory.
    void set_quiet(bool quiet) { quiet_ = quiet; }
    /// Called before each write with its number, offset and bytes; may throw (then the write does not happen,
    /// and the memory is dead) or plan a cut at this write by cut_now().
    using Observer = std::function<void(std::uint64_t write, std::uint32_t offset, ByteView bytes)>;
    void set_observer(Observer observer);
    /// Called before each sync; likewise not while quiet.
    void set_sync_observer(std::function<void()> observer);
    /// From an observer: this very write is cut.
    void cut_now(Tearing tearing);
    /// A new power-on over the same memory: the dead memory answers again (weak bits stay weak until
    /// programmed). What was written without a sync stays; a planned cut does not.
    void power_on();
    /// The same, and writes are counted from 1 again: its memory is another one now.
    void begin_anew();

    /// Bits that read at random, by the offset of their byte.
    using WeakBits = std::map<std::uint32_t, std::uint8_t>;
    /// All that a power cut leaves: what an exhaustive test goes on from.
    struct Remains {
        Bytes memory;
        WeakBits weak;
        std::uint64_t weak_state = 0; ///< of the stream that weak bits are drawn from
    };
    [[nodiscard]] Remains remains() const {
        return {memory_.bytes(), memory_.weak().masks, memory_.weak().state};
    }
    /// As after power_on() over these remains; `remains.memory` has the memory's size.
    void restore(const Remains& remains);

    [[nodiscard]] emulator::NvmGeometry geometry() const override { return memory_.geometry(); }
    /// Throws PowerCut when dead, as the others do.
    void read(std::uint32_t offset, std::span<std::uint8_t> out) const override;
    /// Throws std::logic_error on a range that is not within one page.
    void write(std::uint32_t offset, ByteView bytes) override;
    void sync() override;

private:
    void check_alive() const;
    void observe(std::uint32_t offset, ByteView bytes);

    emulator::MemoryNvm& memory_;
    std::atomic<std::uint64_t> writes_ = 0;
    std::atomic<bool> failing_ = false;
    bool quiet_ = false;
    std::optional<std::uint64_t> cut_write_;
    Tearing cut_tearing_;
    bool dead_ = false;
    Observer observer_;
    std::function<void()> sync_observer_;
    UnsyncedWrites since_sync_;
};

} // namespace cardrig::harness
