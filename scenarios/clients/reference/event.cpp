#include "scenarios/clients/reference/event.h"

#include <cerrno>
#include <cstdint>
#include <system_error>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace cardrig::client {

Event::Event() : descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (descriptor_ < 0) {
        throw std::system_error(errno, std::generic_category(), "eventfd");
    }
}

Event::~Event() {
    close(descriptor_);
}

void Event::set() const {
    const std::uint64_t one = 1;
    // Fails only when it is set already.
    [[maybe_unused]] const auto written = write(descriptor_, &one, sizeof one);
}

bool Event::wait(std::chrono::milliseconds limit) const {
    pollfd watched{descriptor_, POLLIN, 0};
    int ready = 0;
    do {
        ready = poll(&watched, 1, static_cast<int>(limit.count()));
    } while (ready < 0 && errno == EINTR);
    return ready > 0;
}

} // namespace cardrig::client
