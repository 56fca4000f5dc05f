// Directory and page table: which objects there are, and which pages each of them has.
#pragma once

#include "emulator/object_store.h"
#include "emulator/store/layout.h"

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace cardrig::emulator::store {

/// New contents by object; none: erased.
using Changes = std::map<ObjectId, std::optional<Bytes>>;

/// No page: what follows the last page of an object, and the first page of an empty one.
inline constexpr std::uint32_t end_of_chain = 0xFFFF'FFFE;
/// In the page table: the page belongs to nobody. Erased memory reads as free.
inline constexpr std::uint32_t free_page = 0xFFFF'FFFF;
/// The length of a directory entry that belongs to nobody. Erased memory reads as free.
inline constexpr std::uint32_t free_entry = 0xFFFF'FFFF;

struct DirectoryEntry {
    ObjectId id{0xFFFF'FFFF};
    std::uint32_t length = free_entry;
    std::uint32_t first = free_page;

    [[nodiscard]] bool is_free() const { return length == free_entry; }
    friend bool operator==(const DirectoryEntry&, const DirectoryEntry&) = default;
};

/// As they are kept in RAM.
struct Tables {
    std::vector<DirectoryEntry> directory;
    std::vector<std::uint32_t> next; ///< by data page

    /// Nothing stored.
    [[nodiscard]] static Tables empty(const Layout& layout);
    /// Fails where the memory does not begin as tables do: it is erased, zeroed or something else.
    [[nodiscard]] static Result<Tables> decode(const Layout& layout, ByteView bytes);
    /// table_pages pages.
    [[nodiscard]] Bytes encode(const Layout& layout) const;

    [[nodiscard]] const DirectoryEntry* find(ObjectId id) const;
    [[nodiscard]] DirectoryEntry* find(ObjectId id);
    /// In ascending order, each once.
    [[nodiscard]] std::vector<ObjectId> objects() const;
    /// Ends where the chain leaves the memory, comes to a page that is free, or to one that it had before:
    /// none of which there is in tables that passed check(). No more than `most` pages.
    [[nodiscard]] std::vector<std::uint32_t> chain(const DirectoryEntry& entry,
                                                   std::size_t most = SIZE_MAX) const;
    /// Whether the objects together claim more pages than that, each at most all that there are.
    [[nodiscard]] bool claim_more_than(std::uint64_t pages, std::uint32_t page_size) const;
    [[nodiscard]] std::uint32_t free_pages() const;
    /// Fails where a chain is too short, too long, leaves the memory or meets another, where an object is
    /// there twice, or a page belongs to none.
    [[nodiscard]] Result<void> check(std::uint32_t page_size) const;
    /// In place of check() where tables may be torn: entries that are nothing but zeroes are nobody's.
    void drop_zeroed_entries();
};

} // namespace cardrig::emulator::store
