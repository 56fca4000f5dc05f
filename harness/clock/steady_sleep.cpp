// Loaded into clients at another date, before libfaketime. That one is told to leave the monotonic clock
// alone, and then (0.9.10) takes its offset off from what clock_nanosleep() is given all the same: to sleep
// until a time of the monotonic clock fails with EINVAL. Here such a sleep goes to the kernel as it is.
#include <cerrno>
#include <ctime>
#include <dlfcn.h>
#include <sys/syscall.h>
#include <unistd.h>

extern "C" __attribute__((visibility("default"))) int
clock_nanosleep(clockid_t clock, int flags, const timespec* request, timespec* remaining) {
    if (clock == CLOCK_REALTIME) {
        using Function = int (*)(clockid_t, int, const timespec*, timespec*);
        const auto next = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "clock_nanosleep"));
        return next(clock, flags, request, remaining);
    }
    return syscall(SYS_clock_nanosleep, clock, flags, request, remaining) == 0 ? 0 : errno;
}
