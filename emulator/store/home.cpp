#include "emulator/store/home.h"

#include "emulator/store/allocation.h"

#include <algorithm>
#include <map>
#include <span>
#include <utility>

namespace cardrig::emulator::store {

namespace {

/// Bytes cut into pages, the last one filled up as erased.
Bytes piece_of(ByteView bytes, std::size_t at, std::uint32_t page_size) {
    const ByteView piece = bytes.subspan(at, std::min<std::size_t>(page_size, bytes.size() - at));
    Bytes content(piece.begin(), piece.end());
    content.resize(page_size, erased_byte);
    return content;
}

/// By page of home.
std::vector<bool> pages_in_use(const Tables& tables, const Layout& layout) {
    std::vector<bool> in_use(layout.home_pages(), true);
    for (std::uint32_t page = 0; page < layout.data_pages; ++page) {
        in_use[layout.table_pages + page] = tables.next[page] != free_page;
    }
    return in_use;
}

} // namespace

Result<Home> Home::load(const Pages& pages, const Layout& layout) {
    const std::uint32_t page_size = layout.geometry.page_size;
    Bytes bytes(std::size_t{layout.table_pages} * page_size);
    for (std::uint32_t page = 0; page < layout.table_pages; ++page) {
        pages.read(page, std::span(bytes).subspan(std::size_t{page} * page_size, page_size));
    }
    auto tables = Tables::decode(layout, bytes);
    if (!tables) {
        return apdu::failure(tables.error().message);
    }
    if (layout.protection == Protection::none) {
        tables->drop_zeroed_entries();
        // A cut tears the few objects that a transaction changes; reading what claims more would take
        // forever.
        constexpr std::uint64_t most_claims = 8;
        if (tables->claim_more_than(most_claims * layout.data_pages, page_size)) {
            return apdu::failure("the memory is damaged: its objects claim many times what it holds");
        }
    } else if (const auto sound = tables->check(page_size); !sound) {
        return apdu::failure(sound.error().message);
    }
    return Home{pages, layout, std::move(*tables)};
}

std::optional<Bytes> Home::read(ObjectId id) const {
    const DirectoryEntry* entry = tables_.find(id);
    if (entry == nullptr) {
        return std::nullopt;
    }
    const std::uint32_t page_size = layout_.geometry.page_size;
    const std::size_t most = (std::size_t{entry->length} + page_size - 1) / page_size;
    const std::vector<std::uint32_t> chain = tables_.chain(*entry, most);
    Bytes content(chain.size() * page_size);
    for (std::size_t i = 0; i < chain.size(); ++i) {
        pages_->read(layout_.table_pages + chain[i], std::span(content).subspan(i * page_size, page_size));
    }
    content.resize(std::min<std::size_t>(entry->length, content.size()));
    return content;
}

std::optional<Plan> Home::plan(const Changes& changes) const {
    for (const Placement placement : {Placement::in_place, Placement::dense}) {
        auto after = allocate(tables_, layout_, changes, placement);
        if (!after) {
            return std::nullopt;
        }
        auto change = change_to(*after, changes);
        if (pages_->takes(change)) {
            return Plan{std::move(*after), std::move(change)};
        }
    }
    return std::nullopt;
}

Bytes Home::page(std::uint32_t home_page) const {
    Bytes bytes(layout_.geometry.page_size);
    pages_->read(home_page, bytes);
    return bytes;
}

PageChange Home::change_to(const Tables& after, const Changes& changes) const {
    const std::uint32_t page_size = layout_.geometry.page_size;
    const std::vector<bool> was_in_use = pages_in_use(tables_, layout_);
    std::map<std::uint32_t, Bytes> changed;
    // What a page shows that nothing was in may be what an earlier cut left there, and something else
    // tomorrow: it is written even where it looks right.
    const auto set_page = [&](std::uint32_t page_number, Bytes content) {
        if (!was_in_use[page_number] || content != page(page_number)) {
            changed[page_number] = std::move(content);
        }
    };
    const Bytes tables = after.encode(layout_);
    for (std::uint32_t i = 0; i < layout_.table_pages; ++i) {
        set_page(i, piece_of(tables, std::size_t{i} * page_size, page_size));
    }
    for (const auto& [id, content] : changes) {
        if (!content) {
            continue;
        }
        std::size_t at = 0;
        for (const std::uint32_t data_page : after.chain(*after.find(id))) {
            // A torn chain may go on behind the object's end.
            if (at < content->size()) {
                set_page(layout_.table_pages + data_page, piece_of(*content, at, page_size));
            }
            at += page_size;
        }
    }
    PageChange change{{}, pages_in_use(after, layout_)};
    for (auto& [page_number, content] : changed) {
        change.images.push_back({page_number, std::move(content)});
    }
    return change;
}

} // namespace cardrig::emulator::store
