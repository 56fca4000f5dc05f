// The redo log: how several pages of home change as one.
//
// The journal holds the new content of every page of every erase block that a transaction touches, so that
// home can be written over and over until it is right. A commit record in a block of its own says whether it
// counts.
#pragma once

#include "emulator/store/pages.h"

#include <cstdint>
#include <vector>

namespace cardrig::emulator::store {

class Journal final : public Pages {
public:
    Journal(Nvm& nvm, const Layout& layout) : nvm_(&nvm), layout_(layout) {}

    /// A journal with nothing in it.
    void format() { clear(); }
    /// Power-on: finishes a transaction that had been committed and drops any other. Fails on a committed one
    /// that cannot be read, which no power cut brings about.
    [[nodiscard]] Result<void> recover();

    void read(std::uint32_t page, std::span<std::uint8_t> out) const override;
    /// As many page images as the journal has room for, neighbours included.
    [[nodiscard]] bool takes(const PageChange& change) const override;
    void change(const PageChange& change) override;
    /// Writes the images home, all or none. At most as many as there is room for; every page in use of every
    /// erase block that changes must be among them.
    void commit(const std::vector<PageImage>& images);

private:
    [[nodiscard]] std::uint32_t write_list(const std::vector<PageImage>& images);
    [[nodiscard]] Result<std::vector<PageImage>> load(std::uint32_t count, std::uint32_t crc) const;
    void apply(const std::vector<PageImage>& images);
    void clear();

    Nvm* nvm_;
    Layout layout_;
};

} // namespace cardrig::emulator::store
