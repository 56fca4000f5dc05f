#include "harness/vpcd_frame.h"

namespace cardrig::harness {

VpcdRequest vpcd_request(apdu::ByteView payload) {
    if (payload.size() != 1) {
        return VpcdRequest::command;
    }
    switch (payload[0]) {
    case 0:
        return VpcdRequest::power_off;
    case 1:
        return VpcdRequest::power_on;
    case 2:
        return VpcdRequest::reset;
    case 4:
        return VpcdRequest::atr;
    default:
        return VpcdRequest::command;
    }
}

std::array<std::uint8_t, vpcd_header_size> vpcd_header(std::size_t payload_size) {
    return {static_cast<std::uint8_t>(payload_size >> 8U), static_cast<std::uint8_t>(payload_size & 0xFFU)};
}

void VpcdFrameReader::append(apdu::ByteView bytes) {
    // What was given out goes first, so that a long conversation does not grow the buffer.
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(taken_));
    taken_ = 0;
    pending_.insert(pending_.end(), bytes.begin(), bytes.end());
}

std::optional<apdu::Bytes> VpcdFrameReader::next() {
    const apdu::ByteView rest = apdu::ByteView(pending_).subspan(taken_);
    if (rest.size() < vpcd_header_size) {
        return std::nullopt;
    }
    const std::size_t size = static_cast<std::size_t>(rest[0]) << 8U | rest[1];
    if (rest.size() - vpcd_header_size < size) {
        return std::nullopt;
    }
    const apdu::ByteView payload = rest.subspan(vpcd_header_size, size);
    taken_ += vpcd_header_size + size;
    return apdu::Bytes(payload.begin(), payload.end());
}

} // namespace cardrig::harness
