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

std::uint8_t WeakBits::draw() {
    // SplitMix64 (Steele, Lea, Flood, 2014).
    state += 0x9E37'79B9'7F4A'7C15U;
    std::uint64_t mixed = state;
    mixed = (mixed ^ (mixed >> 30U)) * 0xBF58'476D'1CE4'E5B9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94D0'49BB'1331'11EBU;
    return static_cast<std::uint8_t>((mixed ^ (mixed >> 31U)) >> 32U);
}

MemoryNvm::MemoryNvm(NvmGeometry geometry, Bytes bytes, WeakBits weak)
    : geometry_(geometry), bytes_(std::move(bytes)), weak_(std::move(weak)) {
    bytes_.resize(geometry.size(), erased_byte);
}

void MemoryNvm::read(std::uint32_t offset, std::span<std::uint8_t> out) const {
    std::copy_n(bytes_.begin() + offset, out.size(), out.begin());
    for (auto weak = weak_.masks.lower_bound(offset);
         weak != weak_.masks.end() && weak->first - offset < out.size(); ++weak) {
        std::uint8_t& byte = out[weak->first - offset];
        byte = static_cast<std::uint8_t>((byte & ~weak->second) | (weak_.draw() & weak->second));
    }
}

void MemoryNvm::write(std::uint32_t offset, ByteView bytes) {
    std::copy(bytes.begin(), bytes.end(), bytes_.begin() + offset);
    weak_.masks.erase(weak_.masks.lower_bound(offset),
                      weak_.masks.lower_bound(offset + static_cast<std::uint32_t>(bytes.size())));
}

} // namespace cardrig::emulator
