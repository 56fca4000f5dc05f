#include "emulator/store/firm_read.h"

#include <algorithm>

namespace cardrig::emulator::store {

std::optional<Bytes> read_firm(const Nvm& nvm, std::uint32_t offset, std::uint32_t size) {
    Bytes first(size);
    nvm.read(offset, first);
    if (!holds_firmly(nvm, offset, first)) {
        return std::nullopt;
    }
    return first;
}

bool holds_firmly(const Nvm& nvm, std::uint32_t offset, ByteView expected) {
    Bytes seen(expected.size());
    for (int i = 0; i < firm_reads; ++i) {
        nvm.read(offset, seen);
        if (!std::ranges::equal(seen, expected)) {
            return false;
        }
    }
    return true;
}

} // namespace cardrig::emulator::store
