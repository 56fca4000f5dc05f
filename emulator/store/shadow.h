// Copy, then switch: how several pages of home change as one without being written twice.
//
// Home's erase blocks lie anywhere in a pool, and a root says where each of them is. A change copies the
// blocks that it touches into spare ones, and a new root makes the copies count; what they replace is spare
// from then on. There are two roots, written in turn.
#pragma once

#include "emulator/store/pages.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace cardrig::emulator::store {

class Shadow final : public Pages {
public:
    /// One root, which has home's blocks in order, and a void one.
    static void format(Nvm& nvm, const Layout& layout);
    /// Power-on: believes the newest whole root and makes a torn one void. Fails where none is whole or the
    /// newest makes no sense, which no power cut brings about.
    [[nodiscard]] static Result<std::unique_ptr<Shadow>> load(Nvm& nvm, const Layout& layout);

    void read(std::uint32_t page, std::span<std::uint8_t> out) const override;
    /// As many erase blocks as are spare.
    [[nodiscard]] bool takes(const PageChange& change) const override;
    void change(const PageChange& change) override;

private:
    /// The pool's block for each of home's.
    using BlockMap = std::vector<std::uint16_t>;
    struct Root {
        std::uint32_t sequence = 0;
        BlockMap map;
    };

    Shadow(Nvm& nvm, const Layout& layout) : nvm_(&nvm), layout_(layout) {}
    [[nodiscard]] static Bytes encode(const Root& root);
    [[nodiscard]] std::optional<Root> read_root(const Region& region) const;
    [[nodiscard]] bool is_void(const Region& region) const;
    [[nodiscard]] Result<void> check_newest() const;
    [[nodiscard]] std::vector<std::uint16_t> spare_blocks() const;
    [[nodiscard]] std::uint32_t offset_of(const BlockMap& map, std::uint32_t page) const;

    Nvm* nvm_;
    Layout layout_;
    Root root_;              ///< the newest
    std::size_t newest_ = 0; ///< which of the two it is
};

} // namespace cardrig::emulator::store
