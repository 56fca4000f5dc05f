// Which protocols an ATR offers.
#pragma once

#include "apdu/bytes.h"

namespace cardrig::harness::ifd {

struct AtrProtocols {
    bool t0 = false;
    bool t1 = false;
};

/// By ISO 7816-3: what its TD bytes say, T=0 without any, and the one of TA2 alone where there is a TA2. An
/// ATR that ends too early offers what it said until then.
[[nodiscard]] AtrProtocols atr_protocols(apdu::ByteView atr);

} // namespace cardrig::harness::ifd
