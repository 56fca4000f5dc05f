#include "emulator/store/pages.h"

#include <algorithm>
#include <set>

namespace cardrig::emulator::store {

std::vector<PageImage> with_neighbours(const PageChange& change, const Pages& pages,
                                       const NvmGeometry& geometry) {
    std::set<std::uint32_t> blocks;
    for (const PageImage& image : change.images) {
        blocks.insert(image.page / geometry.pages_per_block);
    }
    std::vector<PageImage> result;
    auto changed = change.images.begin();
    for (const std::uint32_t block : blocks) {
        const std::uint32_t first = block * geometry.pages_per_block;
        const auto end = static_cast<std::uint32_t>(
            std::min<std::size_t>(first + geometry.pages_per_block, change.in_use.size()));
        for (std::uint32_t page = first; page < end; ++page) {
            if (changed != change.images.end() && changed->page == page) {
                result.push_back(*changed++);
            } else if (change.in_use[page]) {
                PageImage neighbour{page, Bytes(geometry.page_size)};
                pages.read(page, neighbour.content);
                result.push_back(std::move(neighbour));
            }
        }
    }
    return result;
}

void write_pages(Nvm& nvm, std::uint32_t offset, ByteView bytes) {
    const std::size_t page_size = nvm.geometry().page_size;
    for (std::size_t at = 0; at < bytes.size(); at += page_size) {
        nvm.write(offset + static_cast<std::uint32_t>(at),
                  bytes.subspan(at, std::min(page_size, bytes.size() - at)));
    }
}

} // namespace cardrig::emulator::store
