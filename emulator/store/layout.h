// What lies where in the memory of an object store: see emulator/README.md.
//
// Each region begins on an erase block of its own, because a cut write may take the whole block with it.
#pragma once

#include "apdu/result.h"
#include "emulator/nvm.h"

#include <array>
#include <cstdint>

namespace cardrig::emulator::store {

using apdu::Result;

/// Bytes of the memory, from `offset` up to `offset + size`.
struct Region {
    std::uint32_t offset = 0;
    std::uint32_t size = 0;

    [[nodiscard]] constexpr bool contains(std::uint32_t at) const {
        return at >= offset && at - offset < size;
    }
};

/// A directory entry: object number, length in bytes, first data page.
inline constexpr std::uint32_t directory_entry_size = 12;
/// An entry of the page table: the data page that follows.
inline constexpr std::uint32_t table_entry_size = 4;
/// An entry of the journal's list: a home page.
inline constexpr std::uint32_t journal_entry_size = 4;

struct Layout {
    NvmGeometry geometry;
    Region superblock;              ///< one block, written by format() alone
    std::array<Region, 2> counters; ///< one block each
    Region commit_record;           ///< one block
    Region journal;                 ///< the list of pages, then their images
    Region home;                    ///< directory and page table, then data pages

    std::uint32_t journal_slots = 0;     ///< page images that fit into the journal
    std::uint32_t journal_images = 0;    ///< offset of the first
    std::uint32_t directory_entries = 0; ///< objects that the directory can hold
    std::uint32_t table_pages = 0;       ///< home pages taken by directory and page table
    std::uint32_t data_pages = 0;        ///< home pages for content

    /// Fails on a geometry that is not sensible, saying why.
    [[nodiscard]] static Result<Layout> of(const NvmGeometry& geometry);

    /// Where the n-th page of home begins.
    [[nodiscard]] constexpr std::uint32_t home_page(std::uint32_t page) const {
        return home.offset + page * geometry.page_size;
    }
    [[nodiscard]] constexpr std::uint32_t home_pages() const { return table_pages + data_pages; }
};

} // namespace cardrig::emulator::store
