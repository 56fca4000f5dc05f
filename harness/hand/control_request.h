// One line to the control socket: what is asked of the hand. README.md in this folder tells the language.
#pragma once

#include "apdu/result.h"
#include "harness/fault.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include <nlohmann/json.hpp>

namespace cardrig::harness {

/// Longer lines are refused.
inline constexpr std::size_t longest_control_line = 64UL << 10U;

struct ControlRequest {
    enum class Asked : std::uint8_t {
        act,    ///< `effect`, now or (planned) at a place
        status, ///< where everything is
        wait,   ///< for a place, or for a fault that is planned
        forget, ///< the plan
    };

    Asked asked = Asked::status;
    Effect effect{};                                  ///< act
    std::optional<Place> at{};                        ///< act: later, there; wait
    std::optional<std::uint64_t> fault{};             ///< wait: from 1
    std::optional<std::chrono::milliseconds> limit{}; ///< act now, wait: so long at most

    /// A JSON object with "do", and where they make sense "at", "fault" and "limit" (seconds). Fails with a
    /// message that names the offending key or word, and the nearest right one.
    [[nodiscard]] static apdu::Result<ControlRequest> parse(std::string_view line);
    /// What parse() reads.
    [[nodiscard]] nlohmann::json to_json() const;
};

} // namespace cardrig::harness
