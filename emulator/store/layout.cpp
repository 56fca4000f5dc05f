#include "emulator/store/layout.h"

#include <algorithm>

namespace cardrig::emulator::store {

namespace {

constexpr std::uint32_t pages_for(std::uint64_t bytes, std::uint32_t page_size) {
    return static_cast<std::uint32_t>((bytes + page_size - 1) / page_size);
}

void lay_out_journal(Layout& layout) {
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

void lay_out_home(Layout& layout) {
    const std::uint32_t page_size = layout.geometry.page_size;
    const std::uint32_t pages = layout.home.size / page_size;
    // Enough for objects of eight pages, which is less than a certificate takes.
    layout.directory_entries =
        std::max<std::uint32_t>(8, layout.geometry.blocks * layout.geometry.pages_per_block / 8);
    const std::uint64_t directory = std::uint64_t{layout.directory_entries} * directory_entry_size;
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

Result<Layout> Layout::of(const NvmGeometry& geometry) {
    if (const auto sensible = check(geometry); !sensible) {
        return apdu::failure(sensible.error().message);
    }
    const std::uint32_t block = geometry.block_size();
    const std::uint32_t journal_blocks = geometry.blocks / 4;
    Layout layout;
    layout.geometry = geometry;
    layout.superblock = {0, block};
    layout.counters = {Region{block, block}, Region{2 * block, block}};
    layout.commit_record = {3 * block, block};
    layout.journal = {4 * block, journal_blocks * block};
    layout.home = {(4 + journal_blocks) * block, (geometry.blocks - 4 - journal_blocks) * block};
    lay_out_journal(layout);
    lay_out_home(layout);
    return layout;
}

} // namespace cardrig::emulator::store
