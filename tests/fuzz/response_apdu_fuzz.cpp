// Any two bytes or more are a response, written exactly as it was read; hexadecimal brings any bytes back.
#include "apdu/response_apdu.h"
#include "tests/fuzz/property.h"

#include <algorithm>
#include <string_view>

namespace apdu = cardrig::apdu;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const apdu::ByteView bytes(data, size);
    const auto parsed = apdu::ResponseApdu::parse(bytes);
    fuzz::require(parsed.has_value() == (size >= 2), "two bytes or more are a response");
    if (parsed) {
        fuzz::require(std::ranges::equal(parsed->encode(), bytes), "a response is written as it was read");
        fuzz::require(!apdu::describe(parsed->status).empty(), "every status word is described");
    }
    const auto back = apdu::from_hex(apdu::to_hex(bytes));
    fuzz::require(back && std::ranges::equal(*back, bytes), "hexadecimal brings the bytes back");

    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto read = apdu::from_hex(text)) {
        fuzz::require(apdu::from_hex(apdu::to_hex(*read)) == *read, "hexadecimal is read as it is written");
    }
    return 0;
}
