#include "harness/rig/descriptors.h"

#include <algorithm>
#include <fcntl.h>
#include <filesystem>
#include <string>
#include <unistd.h>

namespace cardrig::harness {

void close_descriptors(const std::vector<int>& keep, bool close_on_exec_alone) {
    std::vector<int> open;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        open.push_back(std::stoi(entry.path().filename().string()));
    }
    for (const int fd : open) {
        if (fd <= STDERR_FILENO || std::find(keep.begin(), keep.end(), fd) != keep.end()) {
            continue;
        }
        const int flags = fcntl(fd, F_GETFD); // fails for the descriptor that the listing itself used
        if (flags >= 0 && (!close_on_exec_alone || (flags & FD_CLOEXEC) != 0)) {
            close(fd);
        }
    }
}

} // namespace cardrig::harness
