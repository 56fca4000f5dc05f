#include "emulator/store/record.h"

#include <zlib.h>

namespace cardrig::emulator::store {

std::uint32_t crc32(ByteView bytes, std::uint32_t crc) {
    return static_cast<std::uint32_t>(::crc32(crc, bytes.data(), static_cast<uInt>(bytes.size())));
}

void append_u32(Bytes& bytes, std::uint32_t value) {
    for (unsigned shift = 0; shift < 32; shift += 8) {
        bytes.push_back(static_cast<std::uint8_t>(value >> shift));
    }
}

std::uint32_t u32_at(ByteView bytes, std::size_t offset) {
    std::uint32_t value = 0;
    for (unsigned i = 0; i < 4; ++i) {
        value |= static_cast<std::uint32_t>(bytes[offset + i]) << (8 * i);
    }
    return value;
}

Bytes seal(Bytes content) {
    append_u32(content, crc32(content));
    return content;
}

bool is_sealed(ByteView record) {
    return record.size() >= 4 && u32_at(record, record.size() - 4) == crc32(record.first(record.size() - 4));
}

} // namespace cardrig::emulator::store
