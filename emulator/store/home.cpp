#include "emulator/store/home.h"

#include "emulator/store/allocation.h"
#include "emulator/store/record.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

namespace cardrig::emulator::store {

Tables Tables::empty(const Layout& layout) {
    return {std::vector<DirectoryEntry>(layout.directory_entries),
            std::vector<std::uint32_t>(layout.data_pages, free_page)};
}

Tables Tables::decode(const Layout& layout, ByteView bytes) {
    Tables tables = empty(layout);
    std::size_t at = 0;
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

std::vector<std::uint32_t> Tables::chain(const DirectoryEntry& entry) const {
    std::vector<std::uint32_t> pages;
    for (std::uint32_t page = entry.first; page != end_of_chain; page = next.at(page)) {
        pages.push_back(page);
    }
    return pages;
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

Result<Home> Home::load(const Nvm& nvm, const Layout& layout) {
    Bytes bytes(std::size_t{layout.table_pages} * layout.geometry.page_size);
    nvm.read(layout.home.offset, bytes);
    Tables tables = Tables::decode(layout, bytes);
    if (const auto sound = tables.check(layout.geometry.page_size); !sound) {
        return apdu::failure(sound.error().message);
    }
    return Home{nvm, layout, std::move(tables)};
}

std::optional<Bytes> Home::read(ObjectId id) const {
    const DirectoryEntry* entry = tables_.find(id);
    if (entry == nullptr) {
        return std::nullopt;
    }
    Bytes content;
    content.reserve(entry->length + layout_.geometry.page_size);
    for (const std::uint32_t data_page : tables_.chain(*entry)) {
        const Bytes bytes = page(layout_.table_pages + data_page);
        content.insert(content.end(), bytes.begin(), bytes.end());
    }
    content.resize(entry->length);
    return content;
}

std::optional<Plan> Home::plan(const Changes& changes, std::size_t capacity) const {
    for (const Placement placement : {Placement::in_place, Placement::dense}) {
        auto after = allocate(tables_, layout_, changes, placement);
        if (!after) {
            return std::nullopt;
        }
        auto pages = images(*after, changes);
        if (pages.size() <= capacity) {
            return Plan{std::move(*after), std::move(pages)};
        }
    }
    return std::nullopt;
}

Bytes Home::page(std::uint32_t home_page) const {
    Bytes bytes(layout_.geometry.page_size);
    nvm_->read(layout_.home_page(home_page), bytes);
    return bytes;
}

std::vector<PageImage> Home::images(const Tables& after, const Changes& changes) const {
    const std::uint32_t page_size = layout_.geometry.page_size;
    std::map<std::uint32_t, Bytes> written;
    const auto cut_into_pages = [&](ByteView bytes, std::uint32_t page_number, std::size_t at) {
        const ByteView piece = bytes.subspan(at, std::min<std::size_t>(page_size, bytes.size() - at));
        Bytes content(piece.begin(), piece.end());
        content.resize(page_size, erased_byte);
        if (content != page(page_number)) {
            written[page_number] = std::move(content);
        }
    };
    const Bytes tables = after.encode(layout_);
    for (std::uint32_t i = 0; i < layout_.table_pages; ++i) {
        cut_into_pages(tables, i, std::size_t{i} * page_size);
    }
    for (const auto& [id, content] : changes) {
        std::size_t at = 0;
        for (const std::uint32_t data_page :
             content ? after.chain(*after.find(id)) : std::vector<std::uint32_t>{}) {
            cut_into_pages(*content, layout_.table_pages + data_page, at);
            at += page_size;
        }
    }
    // A cut write may take its whole erase block along: the neighbours that are in use belong to the images.
    std::set<std::uint32_t> blocks;
    for (const auto& [page_number, content] : written) {
        blocks.insert(page_number / layout_.geometry.pages_per_block);
    }
    std::vector<PageImage> result;
    for (const std::uint32_t block : blocks) {
        const std::uint32_t first = block * layout_.geometry.pages_per_block;
        const std::uint32_t last = std::min(first + layout_.geometry.pages_per_block, layout_.home_pages());
        for (std::uint32_t i = first; i < last; ++i) {
            if (const auto found = written.find(i); found != written.end()) {
                result.push_back({i, std::move(found->second)});
            } else if (i < layout_.table_pages || after.next[i - layout_.table_pages] != free_page) {
                result.push_back({i, page(i)});
            }
        }
    }
    return result;
}

} // namespace cardrig::emulator::store
