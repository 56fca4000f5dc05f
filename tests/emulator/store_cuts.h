// What the power-cut tests of the object store have in common, whatever its protection.
#pragma once

#include "tests/emulator/broken_memory.h"
#include "tests/emulator/store_workload.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <string_view>

namespace cardrig::tests {

inline constexpr emulator::NvmGeometry small_memory{32, 2, 36};
/// Recovery comes to an end long before.
inline constexpr unsigned to_the_end = 50;

inline Sweep sweep_of(emulator::NvmGeometry geometry, emulator::Protection protection) {
    Sweep sweep;
    sweep.geometry = geometry;
    sweep.protection = protection;
    sweep.steps = workload();
    sweep.depth = to_the_end;
    return sweep;
}

/// No violation, and nothing left to try after so many cuts, at least that many of them in a row.
inline void check_holds(const SweepReport& report, std::uint64_t cuts, std::size_t in_a_row) {
    for (const std::string& violation : report.violations) {
        BOOST_ERROR(violation);
    }
    BOOST_TEST(report.exhausted);
    BOOST_TEST(report.states.size() >= in_a_row);
    BOOST_TEST(report.cuts > cuts);
    BOOST_TEST_MESSAGE(report.cuts << " cuts, up to " << report.states.size() << " in a row");
}

template <class Broken>
SweepReport sweep_broken(emulator::Protection protection) {
    Sweep sweep = sweep_of(small_memory, protection);
    sweep.decorate = [protection](emulator::Nvm& inner) {
        return std::make_unique<Broken>(inner, protection);
    };
    sweep.depth = 3;
    return run(sweep);
}

inline bool mentions(const SweepReport& report, std::string_view text) {
    return std::ranges::any_of(report.violations, [&](const std::string& violation) {
        return violation.find(text) != std::string::npos;
    });
}

} // namespace cardrig::tests
