// The identifier of the PIV card application.
#pragma once

#include "apdu/bytes.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace cardrig::apdu {

/// SP 800-73-4 part 1, 2.2: the registered identifier of NIST, then the application's own part with its
/// version.
inline constexpr std::array<std::uint8_t, 11> piv_application_id{0xA0, 0x00, 0x00, 0x03, 0x08, 0x00,
                                                                 0x00, 0x10, 0x00, 0x01, 0x00};
inline constexpr std::size_t piv_registered_id_size = 5;

/// Whether SELECT by this identifier means it: a host may leave off what stands on the right (part 2, 3.1.1),
/// down to the registered identifier.
[[nodiscard]] inline bool names_piv_application(ByteView aid) {
    return aid.size() >= piv_registered_id_size && aid.size() <= piv_application_id.size() &&
           std::equal(aid.begin(), aid.end(), piv_application_id.begin());
}

} // namespace cardrig::apdu
