// Words of a command line as a shell reads them back.
#pragma once

#include <string>
#include <vector>

namespace cardrig::harness {

/// As it is, or in single quotes where a shell would make something else of it.
[[nodiscard]] std::string shell_word(const std::string& word);
/// All of them, with blanks between.
[[nodiscard]] std::string shell_words(const std::vector<std::string>& words);

} // namespace cardrig::harness
