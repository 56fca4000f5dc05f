// What a memory write leaves behind that the power went in: the tearing models, and the one place that says
// what they do to a memory.
#pragma once

#include "apdu/result.h"
#include "emulator/nvm.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace cardrig::harness {

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

/// Bytes of a memory, from `offset` on.
struct MemoryRange {
    std::uint32_t offset = 0;
    std::uint32_t size = 0;
};

/// What was written since the last sync, and what was there before.
class UnsyncedWrites {
public:
    /// Before the write.
    void note(const emulator::MemoryNvm& memory, MemoryRange range);
    void clear() { undos_.clear(); }
    /// All of it is gone.
    void undo(emulator::MemoryNvm& memory) const;
    [[nodiscard]] std::vector<MemoryRange> ranges() const;

private:
    struct Undo {
        std::uint32_t offset;
        apdu::Bytes before;
        std::map<std::uint32_t, std::uint8_t> weak; ///< of these bytes
    };
    std::vector<Undo> undos_;
};

/// A write within one page, that the power goes in.
struct CutWrite {
    std::uint64_t number = 1; ///< from 1; weak bits read otherwise with each
    std::uint32_t offset = 0;
    apdu::ByteView bytes;
};

/// What the model leaves of it.
void tear(emulator::MemoryNvm& memory, const UnsyncedWrites& unsynced, const CutWrite& write,
          const Tearing& tearing);
/// All that tear() may change; whole pages but for what is lost with `lost_writes`.
[[nodiscard]] std::vector<MemoryRange> reach(const emulator::NvmGeometry& geometry,
                                             const UnsyncedWrites& unsynced, const CutWrite& write,
                                             const Tearing& tearing);

} // namespace cardrig::harness
