#include "harness/sweep/sweep_pool.h"

#include "harness/errors.h"
#include "harness/files.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// How often SweepTasks::look() is called while nothing happens.
constexpr milliseconds look_interval{500};

int milliseconds_until(Clock::time_point then) {
    const auto left = std::chrono::ceil<milliseconds>(then - Clock::now());
    return static_cast<int>(std::clamp<milliseconds::rep>(left.count(), 0, 60'000));
}

/// Whatever has been said so far, without waiting. Where nothing more will come, the socket is closed.
void read_all(UniqueFd& socket, std::string& text) {
    std::array<char, 65536> buffer{};
    ssize_t count = 0;
    while (socket && (count = ::recv(socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT)) != 0) {
        if (count < 0) {
            return; // nothing now
        }
        text.append(buffer.data(), static_cast<std::size_t>(count));
    }
    socket.reset();
}

std::string ending(int status) {
    return WIFSIGNALED(status)
               ? fmt::format("the process that tried it was ended by signal {}", WTERMSIG(status))
               : fmt::format("the process that tried it ended with status {}", WEXITSTATUS(status));
}

} // namespace

SweepPool::SweepPool(MakeSweepWork make, const SweepPoolOptions& options)
    : make_(std::move(make)), options_(options) {}

SweepPool::~SweepPool() {
    end();
}

int SweepPool::run(SweepTasks& tasks) {
    while (true) {
        hand_out(tasks);
        // One that is ending makes room for another: there may be tasks for that.
        const bool busy = std::ranges::any_of(
            workers_, [](const Worker& one) { return one.task.has_value() || one.expired; });
        if (!busy) {
            return 0;
        }
        if (const int signal = wait(); signal != 0) {
            return signal;
        }
        for (std::size_t i = workers_.size(); i-- > 0;) {
            if (!take_lines(workers_[i], tasks)) {
                bury(workers_[i], tasks);
                workers_.erase(workers_.begin() + static_cast<std::ptrdiff_t>(i));
            }
        }
        tasks.look();
    }
}

void SweepPool::hand_out(SweepTasks& tasks) {
    for (Worker& worker : workers_) {
        if (!worker.task && !worker.expired) {
            if (auto task = tasks.next(false)) {
                give(worker, std::move(*task));
            }
        }
    }
    while (workers_.size() < options_.jobs) {
        auto task = tasks.next(true);
        if (!task) {
            return;
        }
        workers_.push_back(forked());
        give(workers_.back(), std::move(*task));
    }
}

SweepPool::Worker SweepPool::forked() const {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        throw HostError(fmt::format("no socket for a worker: {}", std::strerror(errno)));
    }
    Worker worker;
    worker.socket.reset(ends[0]);
    const UniqueFd theirs(ends[1]);
    std::fflush(nullptr);
    const pid_t parent = ::getpid();
    worker.pid = ::fork();
    if (worker.pid < 0) {
        throw HostError(fmt::format("no process for a worker: {}", std::strerror(errno)));
    }
    if (worker.pid == 0) {
        worker.socket.reset();
        live(parent, theirs.get());
    }
    // The header of glibc 2.36 declares pidfd_open without C linkage.
    worker.process.reset(static_cast<int>(::syscall(SYS_pidfd_open, worker.pid, 0)));
    if (!worker.process) { // without it nobody would see its end
        const int error = errno;
        ::kill(worker.pid, SIGKILL);
        ::waitpid(worker.pid, nullptr, 0);
        throw HostError(fmt::format("cannot watch a worker's process: {}", std::strerror(error)));
    }
    return worker;
}

/// The child's: nothing of its parent's is left to it but its own socket, and no exception leads there.
void SweepPool::live(pid_t parent, int socket) const noexcept {
    // A group of its own: Ctrl-C reaches the parent alone, which then ends its children in good order.
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) {
        ::_exit(1);
    }
    for (const Worker& other : workers_) { // whose end would not be seen by them
        ::close(other.socket.get());
        ::close(other.process.get());
    }
    const sigset_t mask = options_.signals.mask_before();
    ::sigprocmask(SIG_SETMASK, &mask, nullptr);
    serve_sweep(make_, socket);
    ::_exit(0);
}

/// A worker that has gone meanwhile is noticed when it is waited for.
void SweepPool::give(Worker& worker, SweepTask task) {
    const std::string line = task.to_json().dump() + "\n";
    static_cast<void>(::send(worker.socket.get(), line.data(), line.size(), MSG_NOSIGNAL));
    worker.task = std::move(task);
    worker.heard = Clock::now();
}

Clock::time_point SweepPool::deadline(const Worker& worker) const {
    if (!worker.task && !worker.expired) {
        return Clock::time_point::max();
    }
    return worker.heard + (worker.expired ? options_.grace : options_.limit);
}

/// Until a worker says something or ends, somebody's time is up, or a signal comes, which is returned.
int SweepPool::wait() {
    std::vector<pollfd> wanted{{options_.signals.descriptor(), POLLIN, 0}};
    Clock::time_point until = Clock::now() + look_interval;
    for (const Worker& worker : workers_) {
        wanted.push_back({worker.socket.get(), POLLIN, 0});
        wanted.push_back({worker.process.get(), POLLIN, 0});
        until = std::min(until, deadline(worker));
    }
    if (::poll(wanted.data(), wanted.size(), milliseconds_until(until)) < 0 && errno != EINTR) {
        throw HostError(fmt::format("cannot wait for workers: {}", std::strerror(errno)));
    }
    if (const auto event = options_.signals.take()) {
        return event->signal;
    }
    for (std::size_t i = 0; i < workers_.size(); ++i) {
        Worker& worker = workers_[i];
        const std::size_t before = worker.text.size();
        read_all(worker.socket, worker.text);
        if (worker.text.size() != before && !worker.expired) {
            worker.heard = Clock::now();
        }
        if (deadline(worker) <= Clock::now()) {
            expire(worker);
        }
    }
    return 0;
}

/// It is asked to end first: then it puts its things away.
void SweepPool::expire(Worker& worker) const {
    ::kill(worker.pid, worker.expired ? SIGKILL : SIGTERM);
    if (!worker.expired) {
        worker.expired = true;
        worker.why = fmt::format("nothing was heard of it for {} seconds, and it was ended",
                                 std::chrono::ceil<std::chrono::seconds>(options_.limit).count());
    }
    worker.heard = Clock::now();
}

/// What it has said goes to where its task is from. False where it is gone.
bool SweepPool::take_lines(Worker& worker, SweepTasks& tasks) const {
    pollfd process{worker.process.get(), POLLIN, 0};
    const bool gone = ::poll(&process, 1, 0) > 0;
    if (gone) {
        read_all(worker.socket, worker.text);
    }
    for (std::size_t end = 0; (end = worker.text.find('\n')) != std::string::npos;) {
        const std::string line = worker.text.substr(0, end);
        worker.text.erase(0, end + 1);
        const auto answer = nlohmann::json::parse(line, nullptr, false);
        if (!worker.task || answer.is_discarded() || !answer.is_object()) {
            continue;
        }
        const bool last = !answer.contains("place");
        const SweepTask task = *worker.task;
        if (last) {
            worker.task.reset();
        }
        if (!tasks.answered(task, answer) && !worker.expired) {
            ::kill(worker.pid, SIGTERM);
            worker.expired = true;
            worker.heard = Clock::now();
        }
    }
    return !gone;
}

void SweepPool::bury(Worker& worker, SweepTasks& tasks) {
    int status = 0;
    ::waitpid(worker.pid, &status, 0);
    if (worker.task) {
        tasks.lost(*worker.task, worker.why.empty() ? ending(status) : worker.why);
    }
}

void SweepPool::end() {
    for (const Worker& worker : workers_) {
        ::kill(worker.pid, SIGTERM);
    }
    const Clock::time_point until = Clock::now() + options_.grace;
    for (Worker& worker : workers_) {
        // What it still says is read away: one that is writing would wait for ever.
        bool gone = false;
        while (!gone && Clock::now() < until) {
            std::array<pollfd, 2> wanted{
                {{worker.process.get(), POLLIN, 0}, {worker.socket.get(), POLLIN, 0}}};
            ::poll(wanted.data(), wanted.size(), milliseconds_until(until));
            read_all(worker.socket, worker.text);
            gone = (wanted[0].revents & POLLIN) != 0;
        }
        ::kill(worker.pid, SIGKILL);
        ::waitpid(worker.pid, nullptr, 0);
    }
    workers_.clear();
}

std::vector<pid_t> SweepPool::processes() const {
    std::vector<pid_t> processes;
    std::ranges::transform(workers_, std::back_inserter(processes), &Worker::pid);
    return processes;
}

} // namespace cardrig::harness
