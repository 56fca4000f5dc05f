#include "apdu/response_apdu.h"

#include <fmt/format.h>

namespace cardrig::apdu {

Result<ResponseApdu> ResponseApdu::parse(ByteView bytes) {
    if (bytes.size() < 2) {
        return failure(fmt::format("a response of {} byte(s) has no status word", bytes.size()));
    }
    const ByteView body = bytes.first(bytes.size() - 2);
    const ByteView trailer = bytes.last(2);
    return ResponseApdu(Bytes(body.begin(), body.end()), StatusWord(trailer[0], trailer[1]));
}

Bytes ResponseApdu::encode() const {
    Bytes bytes;
    encode_into(bytes);
    return bytes;
}

void ResponseApdu::encode_into(Bytes& bytes) const {
    bytes.reserve(data.size() + 2);
    bytes = data;
    bytes.push_back(status.sw1());
    bytes.push_back(status.sw2());
}

} // namespace cardrig::apdu
