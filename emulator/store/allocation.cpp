#include "emulator/store/allocation.h"

#include <algorithm>
#include <numeric>

namespace cardrig::emulator::store {

namespace {

using Pages = std::vector<std::uint32_t>;

class Allocator {
public:
    Allocator(const Tables& before, const Layout& layout, Placement placement)
        : tables_(before), layout_(layout), placement_(placement) {}

    /// Gives back what erased and shrinking objects no longer need, so that growing ones can have it.
    void release(const Changes& changes);
    [[nodiscard]] bool place(const Changes& changes);
    [[nodiscard]] Tables tables() && { return std::move(tables_); }

private:
    [[nodiscard]] std::size_t pages_for(std::size_t bytes) const {
        return (bytes + layout_.geometry.page_size - 1) / layout_.geometry.page_size;
    }
    [[nodiscard]] Pages free_pages_in_order() const;
    void link(DirectoryEntry& entry, const Pages& pages);

    Tables tables_;
    Layout layout_;
    Placement placement_;
    std::map<ObjectId, Pages> kept_;
};

void Allocator::release(const Changes& changes) {
    for (const auto& [id, content] : changes) {
        DirectoryEntry* entry = tables_.find(id);
        if (entry == nullptr) {
            continue;
        }
        Pages pages = tables_.chain(*entry);
        const std::size_t wanted = content ? pages_for(content->size()) : 0;
        const std::size_t keep = placement_ == Placement::in_place ? std::min(wanted, pages.size()) : 0;
        for (std::size_t i = keep; i < pages.size(); ++i) {
            tables_.next[pages[i]] = free_page;
        }
        pages.resize(keep);
        if (!content) {
            *entry = DirectoryEntry{};
        } else {
            kept_[id] = std::move(pages);
        }
    }
}

bool Allocator::place(const Changes& changes) {
    const Pages candidates = free_pages_in_order();
    auto candidate = candidates.begin();
    for (const auto& [id, content] : changes) {
        if (!content) {
            continue;
        }
        DirectoryEntry* entry = tables_.find(id);
        if (entry == nullptr) {
            const auto unused = std::ranges::find_if(tables_.directory, &DirectoryEntry::is_free);
            if (unused == tables_.directory.end()) {
                return false;
            }
            entry = &*unused;
        }
        Pages pages = kept_[id];
        const std::size_t missing = pages_for(content->size()) - pages.size();
        if (missing > static_cast<std::size_t>(candidates.end() - candidate)) {
            return false;
        }
        pages.insert(pages.end(), candidate, candidate + static_cast<std::ptrdiff_t>(missing));
        candidate += static_cast<std::ptrdiff_t>(missing);
        entry->id = id;
        entry->length = static_cast<std::uint32_t>(content->size());
        link(*entry, pages);
    }
    return true;
}

Pages Allocator::free_pages_in_order() const {
    const auto block_of = [&](std::uint32_t page) {
        return (layout_.table_pages + page) / layout_.geometry.pages_per_block;
    };
    Pages pages;
    std::vector<std::uint32_t> room(layout_.geometry.blocks, 0);
    for (std::uint32_t page = 0; page < tables_.next.size(); ++page) {
        if (tables_.next[page] == free_page) {
            pages.push_back(page);
            ++room[block_of(page)];
        }
    }
    if (placement_ == Placement::dense) {
        std::ranges::stable_sort(pages, std::greater<>{}, [&](std::uint32_t page) {
            return std::pair{room[block_of(page)], layout_.geometry.blocks - block_of(page)};
        });
    }
    return pages;
}

void Allocator::link(DirectoryEntry& entry, const Pages& pages) {
    entry.first = pages.empty() ? end_of_chain : pages.front();
    for (std::size_t i = 0; i < pages.size(); ++i) {
        tables_.next[pages[i]] = i + 1 < pages.size() ? pages[i + 1] : end_of_chain;
    }
}

} // namespace

std::optional<Tables> allocate(const Tables& before, const Layout& layout, const Changes& changes,
                               Placement placement) {
    Allocator allocator{before, layout, placement};
    allocator.release(changes);
    if (!allocator.place(changes)) {
        return std::nullopt;
    }
    return std::move(allocator).tables();
}

} // namespace cardrig::emulator::store
