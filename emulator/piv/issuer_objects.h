// The data objects that an issuer writes before a card is handed over (SP 800-73-4 part 1, 3.1.1 and 3.1.2,
// appendix A): what stands inside 53.
#pragma once

#include "apdu/bytes.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <string>

namespace cardrig::emulator::piv {

using Guid = std::array<std::uint8_t, 16>;

/// The FASC-N of a card whose issuer is no federal agency: agency, system and credential all nines, so that
/// the GUID is what tells cards apart (SP 800-73-4 part 1, 3.1.2).
[[nodiscard]] std::array<std::uint8_t, 25> non_federal_fasc_n();

/// Card holder unique identifier, unsigned.
[[nodiscard]] apdu::Bytes card_holder_unique_identifier(const Guid& guid, std::chrono::sys_days expires);

inline constexpr std::uint32_t printed_information_tag = 0x5FC109;

/// What is printed on the card (SP 800-73-4 part 1, table 14). Texts of at most 125, 20, 10 and 15 bytes.
struct PrintedInformation {
    std::string name;
    std::string affiliation;
    std::chrono::sys_days expires; ///< up to the year 9999
    std::string serial;            ///< the agency's, of the card
    std::string issuer;
};
[[nodiscard]] apdu::Bytes printed_information(const PrintedInformation& printed);

/// Card capability container; its card identifier is made from the GUID.
[[nodiscard]] apdu::Bytes card_capability_container(const Guid& guid);

} // namespace cardrig::emulator::piv
