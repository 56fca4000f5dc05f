// Sixteen one-byte counters, outside every transaction. One record holds them all.
#pragma once

#include "emulator/store/layout.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace cardrig::emulator::store {

class Counters {
public:
    static constexpr std::size_t count = 16;

    /// All counters 0.
    static void format(Nvm& nvm, const Layout& layout);
    /// Fails where no record is whole. `nvm` outlives them.
    [[nodiscard]] static Result<std::unique_ptr<Counters>> load(Nvm& nvm, const Layout& layout);

    Counters(const Counters&) = delete;
    Counters& operator=(const Counters&) = delete;
    virtual ~Counters() = default;

    /// `index` below `count`; std::out_of_range otherwise.
    [[nodiscard]] std::uint8_t get(std::size_t index) const { return values_.at(index); }
    /// Written and synced when it returns.
    void set(std::size_t index, std::uint8_t value);

protected:
    using Values = std::array<std::uint8_t, count>;
    Counters() = default;
    /// Written and synced when it returns.
    virtual void write(const Values& values) = 0;

    Values values_{};
};

} // namespace cardrig::emulator::store
