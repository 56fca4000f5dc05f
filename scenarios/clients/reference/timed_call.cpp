#include "scenarios/clients/reference/timed_call.h"

#include "scenarios/clients/reference/event.h"

#include <memory>
#include <thread>
#include <utility>

namespace cardrig::client {

bool run_within(std::chrono::milliseconds limit, std::function<void()> call) {
    const auto ended = std::make_shared<Event>();
    std::thread thread([ended, work = std::move(call)] {
        work();
        ended->set();
    });
    // Waited for in the kernel, whose time is true even where this process is told another one.
    if (ended->wait(limit)) {
        thread.join();
        return true;
    }
    thread.detach();
    return false;
}

} // namespace cardrig::client
