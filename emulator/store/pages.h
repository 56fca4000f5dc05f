// The pages of home, as one of the protections keeps them.
//
// Home says which pages are to change together; a protection sees to it that they do, each in its own way:
// see journal.h, shadow.h and in_place.h.
#pragma once

#include "emulator/store/layout.h"

#include <cstdint>
#include <span>
#include <vector>

namespace cardrig::emulator::store {

/// A page of home and what it is to hold.
struct PageImage {
    std::uint32_t page = 0; ///< of home, from 0
    Bytes content;          ///< page_size bytes
};

/// Pages that change together.
struct PageChange {
    std::vector<PageImage> images; ///< those that change, in order, each once
    std::vector<bool> in_use;      ///< by page of home: which hold something afterwards
};

class Pages {
public:
    Pages() = default;
    Pages(const Pages&) = delete;
    Pages& operator=(const Pages&) = delete;
    virtual ~Pages() = default;

    /// A whole page of home.
    virtual void read(std::uint32_t page, std::span<std::uint8_t> out) const = 0;
    /// Whether there is room for what one change takes along.
    [[nodiscard]] virtual bool takes(const PageChange& change) const = 0;
    /// Written and synced when it returns. Only what takes() accepts.
    virtual void change(const PageChange& change) = 0;
};

/// What changes, and every page in use that shares an erase block with it: a cut write may take its whole
/// erase block along.
[[nodiscard]] std::vector<PageImage> with_neighbours(const PageChange& change, const Pages& pages,
                                                     const NvmGeometry& geometry);

/// Writes bytes from the beginning of a page on, page by page.
void write_pages(Nvm& nvm, std::uint32_t offset, ByteView bytes);

} // namespace cardrig::emulator::store
