// Memory that loses power: the decorator around a card's memory that counts writes and, at a planned one,
// leaves what a tearing model says and throws.
#pragma once

#include "apdu/result.h"
#include "emulator/nvm.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cardrig::harness {

using apdu::Bytes;
using apdu::ByteView;

/// Thrown where the power goes. Not a std::exception, so that no handler for one takes it for an error of the
/// card's: only the rig catches it.
struct PowerCut {
    std::uint64_t write = 0; ///< the memory write at which it went, from 1; 0 elsewhere
};

/// What a cut write leaves behind. Words: lost-writes, atomic-page, prefix, erased-page, erase-block,
/// weak-bits.
enum class TearingModel : std::uint8_t {
    lost_writes, ///< everything since the last sync is gone
    atomic_page, ///< writes before the cut are there, the cut one is not
    prefix,      ///< the first bytes of the cut write
    erased_page, ///< the cut page is erased and not programmed
    erase_block, ///< the whole erase block of the cut page is erased
    weak_bits,   ///< bits that the cut write would have changed read differently each time
};

enum class Prefix : std::uint8_t { none, one, half, all_but_one };

struct Tearing {
    TearingModel model = TearingModel::prefix;
    Prefix prefix = Prefix::half; ///< for `prefix` alone
    std::uint64_t seed = 1;       ///< for `weak_bits` alone

    /// "prefix half", "erase-block", "weak-bits", "weak-bits 7" (the seed, where it is not 1)
    [[nodiscard]] static apdu::Result<Tearing> parse(std::string_view text);
    [[nodiscard]] std::string text() const;
    friend bool operator==(const Tearing&, const Tearing&) = default;
};

/// Every model with every variant: what an exhaustive test goes through.
[[nodiscard]] const std::vector<Tearing>& all_tearings();

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
    struct Undo {
        std::uint32_t offset;
        Bytes before;
        WeakBits weak; ///< of these bytes
    };
    struct Range {
        std::uint32_t offset;
        std::uint32_t size;
    };
    void check_alive() const;
    void observe(std::uint32_t offset, ByteView bytes);
    void program(std::uint32_t offset, ByteView bytes);
    void erase(Range range);
    void weaken(std::uint32_t offset, ByteView bytes, std::uint64_t seed);
    void undo_since_sync();
    [[nodiscard]] WeakBits weak_in(Range range) const;
    void tear(std::uint32_t offset, ByteView bytes, const Tearing& tearing);

    emulator::MemoryNvm& memory_;
    std::atomic<std::uint64_t> writes_ = 0;
    std::atomic<bool> failing_ = false;
    bool quiet_ = false;
    std::optional<std::uint64_t> cut_write_;
    Tearing cut_tearing_;
    bool dead_ = false;
    Observer observer_;
    std::function<void()> sync_observer_;
    std::vector<Undo> since_sync_;
};

} // namespace cardrig::harness
