// Descriptors that a forked process has no business with.
#pragma once

#include <vector>

namespace cardrig::harness {

/// Closes all but the standard three and `keep`; with `close_on_exec_alone`, only those that exec would
/// close.
void close_descriptors(const std::vector<int>& keep, bool close_on_exec_alone);

} // namespace cardrig::harness
