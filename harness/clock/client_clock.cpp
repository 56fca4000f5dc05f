#include "harness/clock/client_clock.h"

#include "harness/errors.h"

#include <cstdlib>
#include <filesystem>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/crypto.h>

namespace cardrig::harness {

namespace {

namespace fs = std::filesystem;

/// OpenSSL says where its engines are: the libraries of this architecture are beside them.
std::string libraries_folder() {
    const std::string text = OpenSSL_version(OPENSSL_ENGINES_DIR);
    const std::size_t begin = text.find('"');
    const std::size_t end = text.rfind('"');
    return begin == std::string::npos || end == begin
               ? std::string("/usr/lib")
               : fs::path(text.substr(begin + 1, end - begin - 1)).parent_path().string();
}

/// Our own part: built, or installed, where the readers' driver is.
std::string find_steady_sleep() {
    std::error_code error;
    const fs::path own = fs::read_symlink("/proc/self/exe", error);
    const std::string place = (own.parent_path().parent_path() / "lib/cardrig/cardrigclock.so").string();
    if (error || access(place.c_str(), R_OK) != 0) {
        throw HostError(
            fmt::format("there is no {}, which clients at another date need: build or install all", place));
    }
    return place;
}

} // namespace

std::string find_libfaketime() {
    const std::vector<std::string> places{libraries_folder() + "/faketime/libfaketime.so.1",
                                          "/usr/lib/faketime/libfaketime.so.1",
                                          "/usr/local/lib/faketime/libfaketime.so.1"};
    for (const std::string& place : places) {
        if (access(place.c_str(), R_OK) == 0) {
            return place;
        }
    }
    throw HostError(
        fmt::format("a client at another date needs libfaketime, and there is no {}: install the package "
                    "libfaketime",
                    fmt::join(places, ", no ")));
}

std::map<std::string, std::string> clock_environment(std::chrono::seconds offset) {
    std::string preload = find_steady_sleep() + ":" + find_libfaketime();
    if (const char* const before = std::getenv("LD_PRELOAD"); before != nullptr && *before != '\0') {
        preload += fmt::format(":{}", before);
    }
    return {{"LD_PRELOAD", preload},
            {"FAKETIME", fmt::format("{:+}s", offset.count())},
            // Its own name for it, and the one that other versions know.
            {"FAKETIME_DONT_FAKE_MONOTONIC", "1"},
            {"DONT_FAKE_MONOTONIC", "1"}};
}

void remove_clock_leftovers(pid_t process) {
    std::error_code ignored;
    fs::remove(fmt::format("/dev/shm/sem.faketime_sem_{}", process), ignored);
    fs::remove(fmt::format("/dev/shm/faketime_shm_{}", process), ignored);
}

} // namespace cardrig::harness
