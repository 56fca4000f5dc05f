// Something that happens once, and can be waited for together with input.
#pragma once

#include <chrono>

namespace cardrig::client {

class Event final {
public:
    Event();
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;
    ~Event();

    void set() const;
    /// False: it has not happened within the limit.
    [[nodiscard]] bool wait(std::chrono::milliseconds limit) const;
    [[nodiscard]] bool is_set() const { return wait(std::chrono::milliseconds(0)); }
    /// Readable from when it has happened.
    [[nodiscard]] int descriptor() const { return descriptor_; }

private:
    int descriptor_;
};

} // namespace cardrig::client
