// Sixteen one-byte counters, outside every transaction.
//
// One record holds them all. It is written to two erase blocks in turn, never to the one with the newest
// whole record, so that a cut write costs at most the change itself.
#pragma once

#include "emulator/store/layout.h"

#include <array>
#include <cstddef>
#include <cstdint>

namespace cardrig::emulator::store {

class Counters {
public:
    static constexpr std::size_t count = 16;

    /// All counters 0, in both blocks.
    static void format(Nvm& nvm, const Layout& layout);
    /// Fails where neither block holds a whole record.
    [[nodiscard]] static Result<Counters> load(Nvm& nvm, const Layout& layout);

    /// `index` below `count`; std::out_of_range otherwise.
    [[nodiscard]] std::uint8_t get(std::size_t index) const { return values_.at(index); }
    /// Written and synced when it returns.
    void set(std::size_t index, std::uint8_t value);

private:
    using Values = std::array<std::uint8_t, count>;
    Counters(Nvm& nvm, const Layout& layout) : nvm_(&nvm), regions_(layout.counters) {}

    Nvm* nvm_;
    std::array<Region, 2> regions_;
    Values values_{};
    std::uint32_t sequence_ = 0;
    std::size_t newest_ = 0; ///< the block with the newest record
};

} // namespace cardrig::emulator::store
