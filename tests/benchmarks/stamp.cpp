// Prints when it was started, in nanoseconds of the monotonic clock, which is the same for all processes: the
// client whose start is measured.
#include <cstdio>
#include <ctime>

int main() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return std::printf("%lld\n", static_cast<long long>(time.tv_sec) * 1'000'000'000 + time.tv_nsec) > 0 ? 0
                                                                                                         : 1;
}
