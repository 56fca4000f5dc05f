// A card's memory that goes from one crash image to the next by what differs: pages are put back as they
// were, and a digest of the whole memory is kept page by page, so that an image costs what it changes.
#pragma once

#include "emulator/card_image.h"
#include "emulator/nvm.h"
#include "harness/tearing.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace cardrig::harness {

/// A write or a sync of a power-on's.
struct RecoveryStep {
    bool sync = false;
    std::uint32_t offset = 0;
    apdu::Bytes bytes;
    std::uint64_t weak_state = 0; ///< of the stream that weak bits are drawn from, just before
};

class CrashMemory final : public emulator::Nvm {
public:
    explicit CrashMemory(const emulator::CardImage& image);

    // As a chip:
    [[nodiscard]] emulator::NvmGeometry geometry() const override { return memory_.geometry(); }
    void read(std::uint32_t offset, std::span<std::uint8_t> out) const override { memory_.read(offset, out); }
    void write(std::uint32_t offset, apdu::ByteView bytes) override;
    void sync() override;

    /// The power goes in this write. What is not synced stays so, for other ways of tearing it.
    void tear(const CutWrite& write, const Tearing& tearing);

    /// Where to come back to. Marks are come back to in the reverse order, any number of times.
    struct Mark {
        std::size_t undone = 0;
        emulator::WeakBits weak;
    };
    [[nodiscard]] Mark mark() const { return {undo_.size(), memory_.weak()}; }
    void back_to(const Mark& mark);
    /// There is no way back from here; earlier marks are good no more.
    void forget_undo();

    /// What is not synced; `exchange` for what a power-on begins with, and back.
    [[nodiscard]] UnsyncedWrites exchange_unsynced(UnsyncedWrites unsynced) {
        return std::exchange(unsynced_, std::move(unsynced));
    }

    /// How an image differs from the memory at a mark: pages, and all weak bits.
    struct Patch {
        std::vector<std::uint32_t> pages;
        apdu::Bytes contents; ///< one after the other
        emulator::WeakBits weak;
    };
    [[nodiscard]] Patch since(const Mark& mark) const;
    void apply(const Patch& patch);

    /// Of all bytes and of which bits are weak, and not of what those read as: equal for equal images, and
    /// once in 2^64 for two others.
    [[nodiscard]] std::uint64_t digest() const;
    [[nodiscard]] const emulator::WeakBits& weak() const { return memory_.weak(); }
    void set_weak_state(std::uint64_t state) { memory_.weak().state = state; }

    /// Writes and syncs are added to it from now on; none: to nothing.
    void log_to(std::vector<RecoveryStep>* log) { log_ = log; }

private:
    void keep(MemoryRange range);
    void keep_page(std::uint32_t page);
    void renew(MemoryRange range);
    [[nodiscard]] std::uint64_t digest_of(std::uint32_t page) const;
    [[nodiscard]] std::span<std::uint8_t> bytes_of(std::uint32_t page);

    struct Undo {
        std::uint32_t page;
        std::uint64_t digest;
    };

    emulator::MemoryNvm memory_;
    std::uint32_t page_size_;
    std::vector<std::uint64_t> digests_; ///< by page
    std::uint64_t sum_ = 0;              ///< of them
    std::vector<Undo> undo_;
    apdu::Bytes undo_bytes_; ///< a page for each
    UnsyncedWrites unsynced_;
    std::vector<RecoveryStep>* log_ = nullptr;
};

} // namespace cardrig::harness
