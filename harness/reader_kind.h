// The kinds of reader that a rig can have.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cardrig::harness {

enum class ReaderKind : std::uint8_t {
    rig,  ///< our own driver (ifd/): exact errors, instant events
    vpcd, ///< vsmartcard's
};

/// As `--reader` and results say it.
[[nodiscard]] constexpr std::string_view word(ReaderKind kind) {
    return kind == ReaderKind::rig ? "rig" : "vpcd";
}

/// pcscd's own limit, over all its readers; and vpcd's.
inline constexpr std::size_t most_rig_readers = 16;
inline constexpr std::size_t most_vpcd_readers = 2;

[[nodiscard]] constexpr std::size_t most_readers(ReaderKind kind) {
    return kind == ReaderKind::rig ? most_rig_readers : most_vpcd_readers;
}

} // namespace cardrig::harness
