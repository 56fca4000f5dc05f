// What the reader says of itself: PC/SC attributes and the properties of PC/SC part 10.
#pragma once

#include "harness/ifd/driver/channel.h"

#include <optional>

namespace cardrig::harness::ifd {

/// The value of an attribute (SCARD_ATTR_...) as SCardGetAttrib gives it; none for one that we do not have.
[[nodiscard]] std::optional<Bytes> attribute(Channel& channel, unsigned long lun, unsigned long tag);

/// The answer to SCardControl; none for a code that we do not know.
[[nodiscard]] std::optional<Bytes> control(unsigned long code);

} // namespace cardrig::harness::ifd
