// The command: cardrig exec | run | sweep | card | trace | serve | doctor.
#include "harness/command_line.h"
#include "harness/errors.h"

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace {

/// Where a standard stream is closed, the next file that is opened would take its number: a client would then
/// read the rig's own files, and write to them. Opened the wrong way round, so that using it fails as before.
bool occupy_standard_streams() {
    for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        const bool closed = fcntl(stream, F_GETFD) < 0 && errno == EBADF;
        if (closed && open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY) != stream) {
            return false;
        }
    }
    return true;
}

} // namespace

int main(int argc, char** argv) {
    using cardrig::harness::ExitStatus;
    if (!occupy_standard_streams()) {
        return static_cast<int>(ExitStatus::host_cannot); // there is nowhere to say so
    }
    return cardrig::harness::run_command_line(argc, argv);
}
