#include "emulator/store/layout.h"

#include <algorithm>

namespace cardrig::emulator::store {

namespace {

constexpr std::uint32_t magic_size = 4;

constexpr std::uint32_t pages_for(std::uint64_t bytes, std::uint32_t page_size) {
    return static_cast<std::uint32_t>((bytes + page_size - 1) / page_size);
}

/// Gives out the memory block by block, from its beginning.
class Blocks {
public:
    explicit Blocks(const NvmGeometry& geometry) : geometry_(geometry) {}
    Region take(std::uint32_t blocks) {
        const Region region{next_ * geometry_.block_size(), blocks * geometry_.block_size()};
        next_ += blocks;
        return region;
    }
    [[nodiscard]] std::uint32_t left() const { return geometry_.blocks - next_; }

private:
    NvmGeometry geometry_;
    std::uint32_t next_ = 0;
};

/// What a transaction can take along: a quarter of the memory, in the journal or in spare blocks.
std::uint32_t blocks_for_changes(const NvmGeometry& geometry) {
    return geometry.blocks / 4;
}

void lay_out_journal(Layout& layout, Blocks& blocks) {
    layout.commit_record = blocks.take(1);
    layout.journal = blocks.take(blocks_for_changes(layout.geometry));
    const std::uint32_t page_size = layout.geometry.page_size;
    const std::uint32_t pages = layout.journal.size / page_size;
    // An image takes a page and its entry in the list.
    std::uint32_t slots =
        static_cast<std::uint32_t>(std::uint64_t{pages} * page_size / (page_size + journal_entry_size));
    while (slots + pages_for(std::uint64_t{slots} * journal_entry_size, page_size) > pages) {
        --slots;
    }
    layout.journal_slots = slots;
    layout.journal_images =
        layout.journal.offset + pages_for(std::uint64_t{slots} * journal_entry_size, page_size) * page_size;
}

void lay_out_roots(Layout& layout, Blocks& blocks) {
    const std::uint32_t spare = blocks_for_changes(layout.geometry);
    // The more blocks the roots take, the fewer they have to map.
    std::uint32_t root_blocks = 0;
    do {
        ++root_blocks;
        layout.home_blocks = blocks.left() - 2 * root_blocks - spare;
    } while (layout.root_size() > root_blocks * layout.geometry.block_size());
    layout.roots = {blocks.take(root_blocks), blocks.take(root_blocks)};
}

void lay_out_home(Layout& layout, std::uint32_t pages) {
    const std::uint32_t page_size = layout.geometry.page_size;
    layout.directory_offset = layout.version == 1 ? 0 : magic_size;
    // Enough for objects of eight pages, which is less than a certificate takes.
    layout.directory_entries =
        std::max<std::uint32_t>(8, layout.geometry.blocks * layout.geometry.pages_per_block / 8);
    const std::uint64_t directory =
        layout.directory_offset + std::uint64_t{layout.directory_entries} * directory_entry_size;
    const auto table_pages = [&](std::uint32_t data_pages) {
        return pages_for(directory + std::uint64_t{data_pages} * table_entry_size, page_size);
    };
    std::uint32_t data_pages = pages - table_pages(0);
    while (data_pages + table_pages(data_pages) > pages) {
        --data_pages;
    }
    layout.data_pages = data_pages;
    layout.table_pages = table_pages(data_pages);
}

} // namespace

Result<Layout> Layout::of(const NvmGeometry& geometry, Protection protection, std::uint32_t version) {
    if (const auto sensible = check(geometry); !sensible) {
        return apdu::failure(sensible.error().message);
    }
    Layout layout;
    layout.geometry = geometry;
    layout.protection = protection;
    layout.version = version;
    Blocks blocks(geometry);
    layout.superblock = blocks.take(1);
    layout.counters[0] = blocks.take(1);
    layout.counters[1] = blocks.take(protection == Protection::none ? 0 : 1);
    if (protection == Protection::journal) {
        lay_out_journal(layout, blocks);
    } else if (protection == Protection::shadow) {
        lay_out_roots(layout, blocks);
    }
    layout.home = blocks.take(blocks.left());
    if (protection != Protection::shadow) {
        layout.home_blocks = layout.pool_blocks();
    }
    lay_out_home(layout, layout.home_blocks * geometry.pages_per_block);
    return layout;
}

} // namespace cardrig::emulator::store
