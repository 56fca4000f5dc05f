#include "emulator/store/in_place.h"

namespace cardrig::emulator::store {

void InPlace::read(std::uint32_t page, std::span<std::uint8_t> out) const {
    nvm_->read(layout_.home_page(page), out);
}

bool InPlace::takes(const PageChange& /*change*/) const {
    return true;
}

void InPlace::change(const PageChange& change) {
    const auto write = [&](bool tables) {
        for (const PageImage& image : change.images) {
            if ((image.page < layout_.table_pages) == tables) {
                nvm_->write(layout_.home_page(image.page), image.content);
            }
        }
        nvm_->sync();
    };
    write(false);
    write(true);
}

} // namespace cardrig::emulator::store
