// Which pages and directory entries the objects of a transaction get.
#pragma once

#include "emulator/store/tables.h"

#include <optional>

namespace cardrig::emulator::store {

enum class Placement : std::uint8_t {
    /// Objects keep the pages that they have; more are taken from the low end.
    in_place,
    /// Objects move to the erase blocks with most room: fewer blocks are touched where memory is fragmented.
    dense,
};

/// The tables after the changes; none where pages or directory entries run out.
[[nodiscard]] std::optional<Tables> allocate(const Tables& before, const Layout& layout,
                                             const Changes& changes, Placement placement);

} // namespace cardrig::emulator::store
