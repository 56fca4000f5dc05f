// For tests that run on both kinds of reader: BOOST_AUTO_TEST_CASE_TEMPLATE(name, On, BothKinds).
#pragma once

#include "harness/rig.h"

#include <tuple>

namespace cardrig::test {

struct Rigs {
    static constexpr harness::ReaderKind kind = harness::ReaderKind::rig;
};

struct Vpcd {
    static constexpr harness::ReaderKind kind = harness::ReaderKind::vpcd;
};

using BothKinds = std::tuple<Rigs, Vpcd>;

[[nodiscard]] inline harness::RigOptions of_kind(harness::ReaderKind kind) {
    harness::RigOptions options;
    options.kind = kind;
    return options;
}

} // namespace cardrig::test
