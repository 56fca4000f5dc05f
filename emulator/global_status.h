// Security statuses that are the card's and not one application's (ISO/IEC 7816-4, 9.2).
#pragma once

namespace cardrig::emulator {

/// Volatile: it ends with the power and with a reset, and outlasts the selection of another application.
struct GlobalStatus {
    bool passcode_verified = false;
};

} // namespace cardrig::emulator
