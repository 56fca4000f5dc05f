#include "harness/ifd/atr_protocols.h"

#include <bit>

namespace cardrig::harness::ifd {

namespace {

void offer(AtrProtocols& protocols, unsigned int number) {
    protocols.t0 = protocols.t0 || number == 0;
    protocols.t1 = protocols.t1 || number == 1;
}

} // namespace

AtrProtocols atr_protocols(apdu::ByteView atr) {
    AtrProtocols protocols;
    if (atr.size() < 2) {
        return protocols;
    }
    unsigned int follow = atr[1] >> 4U; // which of TA, TB, TC, TD are in the next group
    std::size_t at = 2;
    bool any = false;
    for (int group = 1; follow != 0; ++group) {
        if (group == 2 && (follow & 1U) != 0 && at < atr.size()) {
            AtrProtocols only;
            offer(only, atr[at] & 0x0FU);
            return only;
        }
        at += static_cast<std::size_t>(std::popcount(follow & 7U));
        if ((follow & 8U) == 0 || at >= atr.size()) {
            break;
        }
        offer(protocols, atr[at] & 0x0FU);
        any = true;
        follow = atr[at] >> 4U;
        ++at;
    }
    protocols.t0 = protocols.t0 || !any;
    return protocols;
}

} // namespace cardrig::harness::ifd
