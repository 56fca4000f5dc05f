// What the power-cut tests do to a store: the kinds of change that a card application makes.
#pragma once

#include "tests/emulator/store_sweep.h"

namespace cardrig::tests {

/// Objects that come, grow, shrink, change by one bit and go; several at once; and retry counters between.
/// Fits into 36 blocks of two 32-byte pages.
[[nodiscard]] std::vector<Step> workload();
/// One more transaction.
[[nodiscard]] Step probe();

} // namespace cardrig::tests
