#include "harness/rig/program_output.h"

#include "harness/errors.h"
#include "harness/rig/unique_fd.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <list>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace cardrig::harness {

namespace {

/// Generous: it answers in milliseconds.
constexpr std::chrono::seconds probe_limit{10};
constexpr int probe_slice_ms = 100;
constexpr std::size_t longest_probe = 1UL << 20U;

/// In the new process: only what is allowed after a fork of a process with threads.
[[noreturn]] void become_probe(const std::vector<const char*>& argv, int output, pid_t parent) {
    sigset_t none;
    sigemptyset(&none);
    for (int signal = 1; signal < NSIG; ++signal) {
        std::signal(signal, SIG_DFL);
    }
    sigprocmask(SIG_SETMASK, &none, nullptr);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (getppid() == parent && null >= 0 && dup2(null, STDIN_FILENO) >= 0 &&
        dup2(output, STDOUT_FILENO) >= 0 && dup2(output, STDERR_FILENO) >= 0) {
        execv(argv[0], const_cast<char**>(argv.data()));
    }
    _exit(127);
}

std::string read_to_end(int fd, const std::string& asked, const std::function<void()>& keep_waiting) {
    const auto until = std::chrono::steady_clock::now() + probe_limit;
    std::string text;
    std::array<char, 4096> buffer{};
    while (true) {
        pollfd wait{fd, POLLIN, 0};
        if (poll(&wait, 1, probe_slice_ms) > 0) {
            const ssize_t count = read(fd, buffer.data(), buffer.size());
            if (count == 0 || (count < 0 && errno != EINTR)) {
                return text;
            }
            text.append(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
        }
        keep_waiting();
        if (std::chrono::steady_clock::now() >= until || text.size() > longest_probe) {
            throw HostError(
                fmt::format("`{}` does not come to an end within {} s", asked, probe_limit.count()));
        }
    }
}

/// A program that runs; ended and reaped with its owner.
class Probe final {
public:
    explicit Probe(std::vector<std::string> words);
    Probe(const Probe&) = delete;
    Probe& operator=(const Probe&) = delete;
    ~Probe() {
        kill(process_, SIGKILL);
        while (waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
        }
    }

    [[nodiscard]] std::string output(const std::function<void()>& keep_waiting) const {
        return read_to_end(output_.get(), fmt::format("{}", fmt::join(words_, " ")), keep_waiting);
    }

private:
    std::vector<std::string> words_;
    UniqueFd output_;
    pid_t process_ = -1;
};

Probe::Probe(std::vector<std::string> words) : words_(std::move(words)) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) {
        throw HostError(fmt::format("cannot make a pipe: {}", std::strerror(errno)));
    }
    output_.reset(ends[0]);
    const UniqueFd write_end(ends[1]);
    std::vector<const char*> argv;
    for (const std::string& word : words_) {
        argv.push_back(word.c_str());
    }
    argv.push_back(nullptr);
    const pid_t parent = getpid();
    process_ = fork();
    if (process_ < 0) {
        throw HostError(fmt::format("cannot make a process: {}", std::strerror(errno)));
    }
    if (process_ == 0) {
        become_probe(argv, write_end.get(), parent);
    }
}

} // namespace

std::vector<std::string> program_outputs(const std::vector<std::vector<std::string>>& programs,
                                         const std::function<void()>& keep_waiting) {
    std::list<Probe> probes; // they stay where they are
    for (const std::vector<std::string>& words : programs) {
        probes.emplace_back(words);
    }
    std::vector<std::string> outputs;
    for (const Probe& probe : probes) {
        outputs.push_back(probe.output(keep_waiting));
    }
    return outputs;
}

std::string program_output(const std::vector<std::string>& words, const std::function<void()>& keep_waiting) {
    return program_outputs({words}, keep_waiting).front();
}

} // namespace cardrig::harness
