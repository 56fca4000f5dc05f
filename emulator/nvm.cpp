#include "emulator/nvm.h"

#include <algorithm>
#include <bit>
#include <utility>

#include <fmt/format.h>

namespace cardrig::emulator {

apdu::Result<void> check(const NvmGeometry& geometry) {
    if (!std::has_single_bit(geometry.page_size) || geometry.page_size < 32 || geometry.page_size > 4096) {
        return apdu::failure(
            fmt::format("pages of {} bytes; they have 32 to 4096, a power of two", geometry.page_size));
    }
    if (geometry.pages_per_block < 1 || geometry.pages_per_block > 64) {
        return apdu::failure(fmt::format("{} pages a block; there are 1 to 64", geometry.pages_per_block));
    }
    if (geometry.blocks < 32 || geometry.blocks > 4096) {
        return apdu::failure(fmt::format("{} blocks; there are 32 to 4096", geometry.blocks));
    }
    return {};
}

MemoryNvm::MemoryNvm(NvmGeometry geometry) : geometry_(geometry), bytes_(geometry.size(), erased_byte) {}

MemoryNvm::MemoryNvm(NvmGeometry geometry, Bytes bytes) : geometry_(geometry), bytes_(std::move(bytes)) {
    bytes_.resize(geometry.size(), erased_byte);
}

void MemoryNvm::read(std::uint32_t offset, std::span<std::uint8_t> out) const {
    std::copy_n(bytes_.begin() + offset, out.size(), out.begin());
}

void MemoryNvm::write(std::uint32_t offset, ByteView bytes) {
    std::copy(bytes.begin(), bytes.end(), bytes_.begin() + offset);
}

} // namespace cardrig::emulator
