// A private folder under TMPDIR for what is looked at and thrown away: gone in the end.
#pragma once

#include "harness/errors.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>

#include <stdlib.h>

#include <fmt/format.h>

namespace cardrig::harness {

/// Throws HostError where there can be none.
class ScratchFolder final {
public:
    ScratchFolder() : path_((std::filesystem::temp_directory_path() / "cardrig-sweep-XXXXXX").string()) {
        if (::mkdtemp(path_.data()) == nullptr) {
            throw HostError(fmt::format("no folder for a trace ({}): {}", path_, std::strerror(errno)));
        }
    }
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;
    ~ScratchFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
};

} // namespace cardrig::harness
