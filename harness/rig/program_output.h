// What a program prints about itself.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace cardrig::harness {

/// Both its streams, to their end; nothing where it cannot be run. `words` begins with its path. Throws
/// HostError if it does not come to an end. `keep_waiting` is called now and then, and throws to stop it.
[[nodiscard]] std::string program_output(const std::vector<std::string>& words,
                                         const std::function<void()>& keep_waiting);
/// The same of several that run at once, in order.
[[nodiscard]] std::vector<std::string> program_outputs(const std::vector<std::vector<std::string>>& programs,
                                                       const std::function<void()>& keep_waiting);

} // namespace cardrig::harness
