// Where objects live: pages that a directory and a page table speak of.
//
// Home never writes. It says which pages would have to change, and the card's protection changes them.
#pragma once

#include "emulator/store/pages.h"
#include "emulator/store/tables.h"

#include <cstdint>
#include <optional>

namespace cardrig::emulator::store {

/// What a transaction does to home.
struct Plan {
    Tables tables;
    PageChange change; ///< no images where nothing changes
};

class Home {
public:
    /// Fails on tables that make no sense; with no protection only where they do not even begin as tables.
    /// `pages` outlives it.
    [[nodiscard]] static Result<Home> load(const Pages& pages, const Layout& layout);

    /// With no protection a torn object may be shorter than its length, or hold anything.
    [[nodiscard]] std::optional<Bytes> read(ObjectId id) const;
    [[nodiscard]] const Tables& tables() const { return tables_; }
    [[nodiscard]] std::uint32_t free_bytes() const {
        return tables_.free_pages() * layout_.geometry.page_size;
    }
    /// None where the changes do not fit into the free pages, the directory, or what one change takes.
    [[nodiscard]] std::optional<Plan> plan(const Changes& changes) const;
    /// The plan's pages are written.
    void adopt(Tables tables) { tables_ = std::move(tables); }

private:
    Home(const Pages& pages, const Layout& layout, Tables tables)
        : pages_(&pages), layout_(layout), tables_(std::move(tables)) {}
    [[nodiscard]] Bytes page(std::uint32_t home_page) const;
    [[nodiscard]] PageChange change_to(const Tables& after, const Changes& changes) const;

    const Pages* pages_;
    Layout layout_;
    Tables tables_;
};

} // namespace cardrig::emulator::store
