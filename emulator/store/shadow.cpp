#include "emulator/store/shadow.h"

#include "emulator/store/firm_read.h"
#include "emulator/store/record.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

namespace cardrig::emulator::store {

namespace {

constexpr std::uint32_t root_magic = 0x544F4F52; // "ROOT"
constexpr std::uint32_t void_magic = 0x44494F56; // "VOID"

/// What takes the place of a root that a cut left torn. It is shorter than any root, and begins where one
/// begins.
Bytes void_record() {
    Bytes record;
    append_u32(record, void_magic);
    return seal(std::move(record));
}

/// Sequence numbers go round after 2^32 changes.
bool is_newer(std::uint32_t left, std::uint32_t right) {
    return static_cast<std::int32_t>(left - right) > 0;
}

} // namespace

Bytes Shadow::encode(const Root& root) {
    Bytes record;
    append_u32(record, root_magic);
    append_u32(record, root.sequence);
    for (const std::uint16_t block : root.map) {
        record.push_back(static_cast<std::uint8_t>(block));
        record.push_back(static_cast<std::uint8_t>(block >> 8U));
    }
    return seal(std::move(record));
}

void Shadow::format(Nvm& nvm, const Layout& layout) {
    Root root{1, BlockMap(layout.home_blocks)};
    std::iota(root.map.begin(), root.map.end(), std::uint16_t{0});
    write_pages(nvm, layout.roots[0].offset, encode(root));
    nvm.write(layout.roots[1].offset, void_record());
    nvm.sync();
}

Result<std::unique_ptr<Shadow>> Shadow::load(Nvm& nvm, const Layout& layout) {
    std::unique_ptr<Shadow> shadow(new Shadow(nvm, layout));
    std::vector<Region> torn;
    for (std::size_t i = 0; i < layout.roots.size(); ++i) {
        auto root = shadow->read_root(layout.roots.at(i));
        if (!root) {
            if (!shadow->is_void(layout.roots.at(i))) {
                torn.push_back(layout.roots.at(i));
            }
        } else if (shadow->root_.map.empty() || is_newer(root->sequence, shadow->root_.sequence)) {
            shadow->root_ = std::move(*root);
            shadow->newest_ = i;
        }
    }
    if (const auto sound = shadow->check_newest(); !sound) {
        return apdu::failure(sound.error().message);
    }
    // A root that is torn may read as whole the next time, when the blocks that it speaks of hold something
    // else: it must be settled before anything relies on its not counting.
    for (const Region& region : torn) {
        nvm.write(region.offset, void_record());
        nvm.sync();
    }
    return shadow;
}

void Shadow::read(std::uint32_t page, std::span<std::uint8_t> out) const {
    nvm_->read(offset_of(root_.map, page), out);
}

bool Shadow::takes(const PageChange& change) const {
    std::set<std::uint32_t> blocks;
    for (const PageImage& image : change.images) {
        blocks.insert(image.page / layout_.geometry.pages_per_block);
    }
    return blocks.size() <= layout_.pool_blocks() - layout_.home_blocks;
}

void Shadow::change(const PageChange& change) {
    const std::vector<std::uint16_t> spare = spare_blocks();
    auto next_spare = spare.begin();
    Root after{root_.sequence + 1, root_.map};
    for (const PageImage& image : with_neighbours(change, *this, layout_.geometry)) {
        const std::uint32_t block = image.page / layout_.geometry.pages_per_block;
        if (after.map[block] == root_.map[block]) {
            after.map[block] = *next_spare++;
        }
        nvm_->write(offset_of(after.map, image.page), image.content);
    }
    nvm_->sync();
    const std::size_t older = 1 - newest_;
    write_pages(*nvm_, layout_.roots.at(older).offset, encode(after));
    nvm_->sync();
    root_ = std::move(after);
    newest_ = older;
}

std::optional<Shadow::Root> Shadow::read_root(const Region& region) const {
    const auto record = read_firm(*nvm_, region.offset, layout_.root_size());
    if (!record || !is_sealed(*record) || u32_at(*record, 0) != root_magic) {
        return std::nullopt;
    }
    Root root{u32_at(*record, 4), {}};
    for (std::uint32_t i = 0; i < layout_.home_blocks; ++i) {
        const std::size_t at = 8 + std::size_t{i} * map_entry_size;
        root.map.push_back(static_cast<std::uint16_t>((*record)[at] | (*record)[at + 1] << 8U));
    }
    return root;
}

bool Shadow::is_void(const Region& region) const {
    return holds_firmly(*nvm_, region.offset, void_record());
}

Result<void> Shadow::check_newest() const {
    if (root_.map.empty()) {
        return apdu::failure("the memory is damaged: neither root is whole");
    }
    const std::set<std::uint16_t> blocks(root_.map.begin(), root_.map.end());
    if (blocks.size() != root_.map.size() || *blocks.rbegin() >= layout_.pool_blocks()) {
        return apdu::failure("the memory is damaged: its newest root names a block twice or one outside");
    }
    return {};
}

std::vector<std::uint16_t> Shadow::spare_blocks() const {
    std::vector<bool> taken(layout_.pool_blocks(), false);
    for (const std::uint16_t block : root_.map) {
        taken[block] = true;
    }
    std::vector<std::uint16_t> spare;
    for (std::uint32_t block = 0; block < taken.size(); ++block) {
        if (!taken[block]) {
            spare.push_back(static_cast<std::uint16_t>(block));
        }
    }
    return spare;
}

std::uint32_t Shadow::offset_of(const BlockMap& map, std::uint32_t page) const {
    const std::uint32_t in_block = layout_.geometry.pages_per_block;
    return layout_.home_page(map[page / in_block] * in_block + page % in_block);
}

} // namespace cardrig::emulator::store
