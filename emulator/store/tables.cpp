#include "emulator/store/tables.h"

#include "emulator/store/record.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

namespace cardrig::emulator::store {

namespace {

constexpr std::uint32_t magic = 0x534C4254; // "TBLS"

Result<void> check_magic(std::uint32_t found) {
    switch (found) {
    case magic:
        return {};
    case 0xFFFF'FFFF:
        return apdu::failure("the memory is damaged: its directory is erased");
    case 0:
        return apdu::failure("the memory is damaged: its directory is zeroed");
    default:
        return apdu::failure("the memory is damaged: its directory does not begin as one");
    }
}

} // namespace

Tables Tables::empty(const Layout& layout) {
    return {std::vector<DirectoryEntry>(layout.directory_entries),
            std::vector<std::uint32_t>(layout.data_pages, free_page)};
}

Result<Tables> Tables::decode(const Layout& layout, ByteView bytes) {
    if (layout.directory_offset != 0) {
        if (const auto begun = check_magic(u32_at(bytes, 0)); !begun) {
            return apdu::failure(begun.error().message);
        }
    }
    Tables tables = empty(layout);
    std::size_t at = layout.directory_offset;
    for (DirectoryEntry& entry : tables.directory) {
        entry = {ObjectId{u32_at(bytes, at)}, u32_at(bytes, at + 4), u32_at(bytes, at + 8)};
        at += directory_entry_size;
    }
    for (std::uint32_t& next : tables.next) {
        next = u32_at(bytes, at);
        at += table_entry_size;
    }
    return tables;
}

Bytes Tables::encode(const Layout& layout) const {
    Bytes bytes;
    const std::size_t size = std::size_t{layout.table_pages} * layout.geometry.page_size;
    bytes.reserve(size);
    if (layout.directory_offset != 0) {
        append_u32(bytes, magic);
    }
    for (const DirectoryEntry& entry : directory) {
        append_u32(bytes, static_cast<std::uint32_t>(entry.id));
        append_u32(bytes, entry.length);
        append_u32(bytes, entry.first);
    }
    for (const std::uint32_t page : next) {
        append_u32(bytes, page);
    }
    bytes.resize(size, erased_byte);
    return bytes;
}

const DirectoryEntry* Tables::find(ObjectId id) const {
    const auto found = std::ranges::find_if(
        directory, [&](const DirectoryEntry& entry) { return !entry.is_free() && entry.id == id; });
    return found == directory.end() ? nullptr : &*found;
}

DirectoryEntry* Tables::find(ObjectId id) {
    return const_cast<DirectoryEntry*>(std::as_const(*this).find(id));
}

std::vector<ObjectId> Tables::objects() const {
    std::set<ObjectId> ids;
    for (const DirectoryEntry& entry : directory) {
        if (!entry.is_free()) {
            ids.insert(entry.id);
        }
    }
    return {ids.begin(), ids.end()};
}

std::vector<std::uint32_t> Tables::chain(const DirectoryEntry& entry, std::size_t most) const {
    std::vector<std::uint32_t> pages;
    std::vector<bool> seen(next.size(), false);
    for (std::uint32_t page = entry.first;
         pages.size() < most && page < next.size() && next[page] != free_page && !seen[page];
         page = next[page]) {
        seen[page] = true;
        pages.push_back(page);
    }
    return pages;
}

bool Tables::claim_more_than(std::uint64_t pages, std::uint32_t page_size) const {
    std::uint64_t claimed = 0;
    for (const DirectoryEntry& entry : directory) {
        const std::uint64_t wanted =
            entry.is_free() ? 0 : (std::uint64_t{entry.length} + page_size - 1) / page_size;
        const std::uint64_t most = std::min<std::uint64_t>(wanted, next.size());
        std::uint32_t page = entry.first;
        for (std::uint64_t i = 0; i < most && page < next.size() && next[page] != free_page; ++i) {
            page = next[page];
            if (++claimed > pages) {
                return true;
            }
        }
    }
    return false;
}

std::uint32_t Tables::free_pages() const {
    return static_cast<std::uint32_t>(std::ranges::count(next, free_page));
}

Result<void> Tables::check(std::uint32_t page_size) const {
    std::set<ObjectId> ids;
    std::vector<bool> taken(next.size(), false);
    for (const DirectoryEntry& entry : directory) {
        if (entry.is_free()) {
            continue;
        }
        const auto damaged = [&](std::string_view what) {
            return apdu::failure(fmt::format("the memory is damaged: object {:08X} {}",
                                             static_cast<std::uint32_t>(entry.id), what));
        };
        if (!ids.insert(entry.id).second) {
            return damaged("is in the directory twice");
        }
        std::uint64_t room = 0;
        for (std::uint32_t page = entry.first; page != end_of_chain; page = next[page]) {
            if (page >= next.size()) {
                return damaged("has a page outside the memory");
            }
            if (taken[page]) {
                return damaged("has a page that is taken");
            }
            taken[page] = true;
            room += page_size;
        }
        if (room < entry.length || room >= std::uint64_t{entry.length} + page_size) {
            return damaged("has more or fewer pages than its length takes");
        }
    }
    for (std::size_t page = 0; page < next.size(); ++page) {
        if (!taken[page] && next[page] != free_page) {
            return apdu::failure(fmt::format("the memory is damaged: page {} belongs to no object", page));
        }
    }
    return {};
}

void Tables::drop_zeroed_entries() {
    std::ranges::replace(directory, DirectoryEntry{ObjectId{0}, 0, 0}, DirectoryEntry{});
}

} // namespace cardrig::emulator::store
