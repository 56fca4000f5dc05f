// Where objects live: a directory, a table that chains pages, and the pages.
//
// Home never writes. It says which pages would have to change, and the journal changes them.
#pragma once

#include "emulator/object_store.h"
#include "emulator/store/journal.h"
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
};

/// Directory and page table as they are kept in RAM.
struct Tables {
    std::vector<DirectoryEntry> directory;
    std::vector<std::uint32_t> next; ///< by data page

    /// Nothing stored.
    [[nodiscard]] static Tables empty(const Layout& layout);
    [[nodiscard]] static Tables decode(const Layout& layout, ByteView bytes);
    /// table_pages pages.
    [[nodiscard]] Bytes encode(const Layout& layout) const;

    [[nodiscard]] const DirectoryEntry* find(ObjectId id) const;
    [[nodiscard]] DirectoryEntry* find(ObjectId id);
    [[nodiscard]] std::vector<std::uint32_t> chain(const DirectoryEntry& entry) const;
    [[nodiscard]] std::uint32_t free_pages() const;
    /// Fails where a chain is too short, too long, leaves the memory or meets another, where an object is
    /// there twice, or a page belongs to none.
    [[nodiscard]] Result<void> check(std::uint32_t page_size) const;
};

/// What a transaction does to home.
struct Plan {
    Tables tables;
    std::vector<PageImage> images; ///< for the journal; empty where nothing changes
};

class Home {
public:
    [[nodiscard]] static Result<Home> load(const Nvm& nvm, const Layout& layout);

    [[nodiscard]] std::optional<Bytes> read(ObjectId id) const;
    [[nodiscard]] const Tables& tables() const { return tables_; }
    [[nodiscard]] std::uint32_t free_bytes() const {
        return tables_.free_pages() * layout_.geometry.page_size;
    }
    /// None where the changes do not fit into the free pages, the directory, or `capacity` images.
    [[nodiscard]] std::optional<Plan> plan(const Changes& changes, std::size_t capacity) const;
    /// The plan's images are written.
    void adopt(Tables tables) { tables_ = std::move(tables); }

private:
    Home(const Nvm& nvm, const Layout& layout, Tables tables)
        : nvm_(&nvm), layout_(layout), tables_(std::move(tables)) {}
    [[nodiscard]] Bytes page(std::uint32_t home_page) const;
    [[nodiscard]] std::vector<PageImage> images(const Tables& after, const Changes& changes) const;

    const Nvm* nvm_;
    Layout layout_;
    Tables tables_;
};

} // namespace cardrig::emulator::store
