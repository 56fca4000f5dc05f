#include "emulator/nvm.h"

#include <algorithm>
#include <utility>

namespace cardrig::emulator {

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
