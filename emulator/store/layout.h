// What lies where in the memory of an object store: see emulator/README.md.
//
// Each region begins on an erase block of its own, because a cut write may take the whole block with it.
#pragma once

#include "apdu/result.h"
#include "emulator/nvm.h"
#include "emulator/protection.h"

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

/// What format() lays out. Version 1 has the journal alone, and no magic number before its directory.
inline constexpr std::uint32_t newest_version = 2;

/// A directory entry: object number, length in bytes, first data page.
inline constexpr std::uint32_t directory_entry_size = 12;
/// An entry of the page table: the data page that follows.
inline constexpr std::uint32_t table_entry_size = 4;
/// An entry of the journal's list: a home page.
inline constexpr std::uint32_t journal_entry_size = 4;
/// An entry of a root's block map: a block of the pool.
inline constexpr std::uint32_t map_entry_size = 2;
/// What a root has beside its block map: magic number, sequence number, CRC.
inline constexpr std::uint32_t root_overhead = 12;

struct Layout {
    NvmGeometry geometry;
    Protection protection = Protection::journal;
    std::uint32_t version = newest_version;
    Region superblock;              ///< one block, written by format() alone
    std::array<Region, 2> counters; ///< one block each; with no protection the second is empty
    /// Directory and page table, then data pages. With the shadow protection the pool: the blocks of home, in
    /// whatever order the newest root says, and spare ones.
    Region home;

    std::uint32_t directory_offset = 0;  ///< into home: bytes of the magic number, if there is one
    std::uint32_t directory_entries = 0; ///< objects that the directory can hold
    std::uint32_t table_pages = 0;       ///< home pages taken by directory and page table
    std::uint32_t data_pages = 0;        ///< home pages for content

    // Journal alone.
    Region commit_record;             ///< one block
    Region journal;                   ///< the list of pages, then their images
    std::uint32_t journal_slots = 0;  ///< page images that fit into the journal
    std::uint32_t journal_images = 0; ///< offset of the first

    // Shadow alone.
    std::array<Region, 2> roots;   ///< as many blocks each as a root takes
    std::uint32_t home_blocks = 0; ///< of the pool's blocks, how many are home at any time

    /// Fails on a geometry that is not sensible, saying why.
    [[nodiscard]] static Result<Layout> of(const NvmGeometry& geometry, Protection protection,
                                           std::uint32_t version = newest_version);

    /// Where the n-th page of home begins, or of the pool.
    [[nodiscard]] constexpr std::uint32_t home_page(std::uint32_t page) const {
        return home.offset + page * geometry.page_size;
    }
    [[nodiscard]] constexpr std::uint32_t home_pages() const { return table_pages + data_pages; }
    [[nodiscard]] constexpr std::uint32_t pool_blocks() const { return home.size / geometry.block_size(); }
    [[nodiscard]] constexpr std::uint32_t root_size() const {
        return root_overhead + home_blocks * map_entry_size;
    }
};

} // namespace cardrig::emulator::store
