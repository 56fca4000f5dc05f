// Any bytes are a command or are refused; a command is written exactly as it was read.
#include "apdu/command_apdu.h"
#include "tests/fuzz/property.h"

#include <algorithm>

namespace apdu = cardrig::apdu;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const apdu::ByteView bytes(data, size);
    const auto parsed = apdu::CommandApdu::parse(bytes);
    if (!parsed) {
        fuzz::require(!parsed.error().message.empty(), "a refusal says why");
        return 0;
    }
    fuzz::require(std::ranges::equal(parsed->encode(), bytes), "a command is written as it was read");
    fuzz::require(!parsed->ne() || (*parsed->ne() >= 1 && *parsed->ne() <= 65536), "Ne is 1 to 65,536");
    const apdu::CommandApdu built(parsed->cla(), parsed->ins(), parsed->p1(), parsed->p2(), parsed->data(),
                                  parsed->ne(), parsed->extended());
    fuzz::require(built == *parsed, "a command is made of its parts");
    const apdu::CommandApdu shortest(parsed->cla(), parsed->ins(), parsed->p1(), parsed->p2(), parsed->data(),
                                     parsed->ne());
    const auto again = apdu::CommandApdu::parse(shortest.encode());
    fuzz::require(again && again->data() == parsed->data() && again->ne() == parsed->ne(),
                  "the shortest form says the same");
    return 0;
}
