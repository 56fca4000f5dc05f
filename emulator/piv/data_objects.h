// The PIV data model (SP 800-73-4 part 1, 3 and appendix A): which data objects there are, who may read them,
// and those that the card makes up itself.
#pragma once

#include "apdu/ber_tlv.h"
#include "emulator/card_config.h"
#include "emulator/object_store.h"

#include <cstdint>
#include <optional>

namespace cardrig::emulator::piv {

/// These two stand in PUT DATA and GET DATA as they are, without 53.
inline constexpr apdu::Tag discovery_object = 0x7E;
inline constexpr apdu::Tag biometric_group_template = 0x7F61;

enum class ReadRule : std::uint8_t { always, passcode };

/// None for a tag that the card's data model does not have.
[[nodiscard]] std::optional<ReadRule> read_rule(const PivConfig& config, apdu::Tag tag);

/// The object as GET DATA answers it, with the 53, 7E or 7F61 around it. Discovery object and key history are
/// derived from what the card is as long as nobody wrote them to their end.
[[nodiscard]] std::optional<Bytes> read_data_object(const ObjectStore& store, const PivConfig& config,
                                                    apdu::Tag tag);

} // namespace cardrig::emulator::piv
