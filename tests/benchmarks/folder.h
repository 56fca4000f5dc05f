// A folder for what the benchmark hands to the programs that it starts.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>

namespace cardrig::benchmarks {

/// A folder of the benchmark's own, gone with it.
class Folder final {
public:
    Folder() {
        std::string path = (std::filesystem::temp_directory_path() / "cardrig-bench-XXXXXX").string();
        if (mkdtemp(path.data()) == nullptr) {
            throw std::runtime_error("cannot make a folder for temporary files");
        }
        path_ = path;
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] std::string file(const char* name) const { return (path_ / name).string(); }

private:
    std::filesystem::path path_;
};

} // namespace cardrig::benchmarks
