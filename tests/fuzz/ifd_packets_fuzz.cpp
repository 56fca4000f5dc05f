// Packets between the driver and the rig: what is taken says again what was sent, and nothing else is taken.
// And an ATR, which comes from a card, offers protocols or none.
#include "harness/ifd/atr_protocols.h"
#include "harness/ifd/packets.h"
#include "tests/fuzz/property.h"

#include <algorithm>

using namespace cardrig::harness::ifd;
using fuzz::require;

namespace {

template <class Packet>
void same_again(ByteView input, const char* what) {
    if (const auto packet = Packet::parse(input)) {
        const auto bytes = packet->bytes();
        require(std::equal(bytes.begin(), bytes.end(), input.begin(), input.end()), what);
    }
}

template <class Packet>
void keeps_data(ByteView input, const char* what) {
    if (const auto packet = Packet::parse(input)) {
        require(packet->data.data() == input.data() + 1 && packet->data.size() + 1 == input.size(), what);
    }
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView input(data, size);
    same_again<Hello>(input, "a hello says what was sent");
    same_again<Transition>(input, "a transition says what was sent");
    same_again<Acknowledgement>(input, "an acknowledgement says what was sent");
    keeps_data<Request>(input, "a request has the bytes after its code");
    keeps_data<Reply>(input, "a reply has the bytes after its code");
    const AtrProtocols whole = atr_protocols(input);
    require(size >= 2 || (!whole.t0 && !whole.t1), "no ATR offers no protocol");
    return 0;
}
