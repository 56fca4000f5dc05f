#include "harness/scenario_pool.h"

#include "harness/errors.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

using Clock = std::chrono::steady_clock;

/// How long a process that was asked to end may take to put its things away.
constexpr std::chrono::seconds grace{10};
/// For all but the clients: making the card, starting the rig, moving the card, judging.
constexpr std::chrono::seconds time_for_the_rest{180};

ScenarioReport without_verdict(const Scenario& scenario, const RunOptions& options, Verdict verdict,
                               std::string message) {
    ScenarioReport report;
    report.file = scenario.file;
    report.title = scenario.title;
    report.reader = word(options.kind);
    report.verdict = verdict;
    report.message = std::move(message);
    report.reproduce = reproduction(scenario, options);
    return report;
}

ScenarioReport guarded_run(const Scenario& scenario, const RunOptions& options) {
    try {
        return run_scenario(scenario, options);
    } catch (const RequestError& error) {
        return without_verdict(scenario, options, Verdict::wrong_request, error.what());
    } catch (const HostError& error) {
        return without_verdict(scenario, options, Verdict::host_cannot, error.what());
    } catch (const Interrupted& error) {
        return without_verdict(scenario, options, Verdict::timed_out,
                               fmt::format("ended by signal {}", error.signal()));
    } catch (const std::exception& error) {
        return without_verdict(scenario, options, Verdict::crashed, error.what());
    }
}

void write_all(int descriptor, const std::string& text) {
    for (std::size_t at = 0; at < text.size();) {
        const ssize_t count = ::write(descriptor, text.data() + at, text.size() - at);
        if (count < 0 && errno != EINTR) {
            return; // nobody listens any more
        }
        at += count > 0 ? static_cast<std::size_t>(count) : 0;
    }
}

/// The life of a scenario's process.
[[noreturn]] void live(const Scenario& scenario, RunOptions options, const sigset_t& mask, pid_t parent,
                       int pipe) {
    // A group of its own: Ctrl-C reaches the parent alone, which then ends its children in good order.
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) {
        ::_exit(1);
    }
    ::sigprocmask(SIG_SETMASK, &mask, nullptr);
    {
        const SignalWatch signals;
        options.signals = &signals;
        const ScenarioReport report = guarded_run(scenario, options);
        write_all(pipe, report.to_json().dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    }
    ::_exit(0);
}

struct Job {
    std::size_t index = 0;
    pid_t pid = 0;
    UniqueFd pipe;
    UniqueFd process;
    std::string text;
    Clock::time_point begin;
    bool timed_out = false;
};

class Pool {
public:
    Pool(const std::vector<Scenario>& scenarios, const RunOptions& options, const PoolOptions& pool)
        : scenarios_(scenarios), options_(options), pool_(pool), reports_(scenarios.size()) {}

    /// Whatever is still running when this is left by an exception is ended.
    ~Pool() {
        for (const Job& job : running_) {
            ::kill(job.pid, SIGKILL);
            ::waitpid(job.pid, nullptr, 0);
        }
    }
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    PoolResult run(const std::function<void(const ScenarioReport&)>& on_report) {
        std::size_t told = 0;
        while (interrupted_ == 0 && (next_ < scenarios_.size() || !running_.empty())) {
            while (next_ < scenarios_.size() && running_.size() < pool_.jobs) {
                begin(next_++);
            }
            if (!running_.empty()) {
                wait();
            }
            for (; told < reports_.size() && reports_[told]; ++told) {
                on_report(*reports_[told]);
            }
        }
        if (interrupted_ != 0) {
            end_all();
        }
        PoolResult result;
        result.interrupted_by = interrupted_;
        for (auto& report : reports_) {
            if (report) {
                result.reports.push_back(std::move(*report));
            }
        }
        return result;
    }

private:
    void begin(std::size_t index) {
        const Scenario& scenario = scenarios_[index];
        if (scenario.not_applicable.empty()) {
            start(index);
        } else {
            reports_[index] =
                without_verdict(scenario, options_, Verdict::not_applicable, scenario.not_applicable);
        }
    }

    void start(std::size_t index) {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
            throw HostError(fmt::format("no pipe for a scenario: {}", std::strerror(errno)));
        }
        UniqueFd reading(ends[0]);
        const UniqueFd writing(ends[1]);
        std::fflush(nullptr);
        const pid_t parent = ::getpid();
        const pid_t pid = ::fork();
        if (pid < 0) {
            throw HostError(fmt::format("no process for a scenario: {}", std::strerror(errno)));
        }
        if (pid == 0) {
            live(scenarios_[index], options_, pool_.signals.mask_before(), parent, writing.get());
        }
        // The header of glibc 2.36 declares pidfd_open without C linkage.
        UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
        ::fcntl(reading.get(), F_SETFL, O_NONBLOCK);
        if (!process) { // without it nobody would see its end
            const int error = errno;
            ::kill(pid, SIGKILL);
            ::waitpid(pid, nullptr, 0);
            throw HostError(fmt::format("cannot watch a scenario's process: {}", std::strerror(error)));
        }
        running_.push_back({index, pid, std::move(reading), std::move(process), {}, Clock::now(), false});
    }

    /// Until a child says something or ends, a signal comes, or somebody's time is up.
    void wait() {
        std::vector<pollfd> wanted{{pool_.signals.descriptor(), POLLIN, 0}};
        Clock::time_point until = Clock::time_point::max();
        for (const Job& job : running_) {
            wanted.push_back({job.pipe.get(), POLLIN, 0});
            wanted.push_back({job.process.get(), POLLIN, 0});
            until = std::min(until, deadline(job));
        }
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
        const auto bounded = std::clamp<std::chrono::milliseconds::rep>(left.count(), 0, 60'000);
        if (::poll(wanted.data(), wanted.size(), static_cast<int>(bounded)) < 0 && errno != EINTR) {
            throw HostError(fmt::format("cannot wait for scenarios: {}", std::strerror(errno)));
        }
        if (const auto event = pool_.signals.take()) {
            interrupted_ = event->signal;
            return;
        }
        for (std::size_t i = running_.size(); i-- > 0;) {
            // A pipe whose other end is closed stays ready; its process ends right after that.
            read(running_[i]);
            if ((wanted[2 + 2 * i].revents & POLLIN) != 0) {
                finish(i);
            } else if (deadline(running_[i]) <= Clock::now()) {
                expire(running_[i]);
            }
        }
    }

    [[nodiscard]] std::chrono::seconds limit(const Job& job) const {
        return pool_.limit.value_or(scenarios_[job.index].longest() + time_for_the_rest);
    }

    [[nodiscard]] Clock::time_point deadline(const Job& job) const {
        return job.begin + limit(job) + (job.timed_out ? grace : std::chrono::seconds(0));
    }

    /// It is asked to end first: then it reports what it has seen so far.
    static void expire(Job& job) {
        ::kill(job.pid, job.timed_out ? SIGKILL : SIGTERM);
        job.timed_out = true;
    }

    static void read(Job& job) {
        std::array<char, 65536> buffer{};
        ssize_t count = 0;
        while ((count = ::read(job.pipe.get(), buffer.data(), buffer.size())) > 0) {
            job.text.append(buffer.data(), static_cast<std::size_t>(count));
        }
    }

    void finish(std::size_t place) {
        Job job = std::move(running_[place]);
        running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(place));
        read(job);
        int status = 0;
        ::waitpid(job.pid, &status, 0);
        const Scenario& scenario = scenarios_[job.index];
        const std::chrono::duration<double> took = Clock::now() - job.begin;
        reports_[job.index] = judge(job, scenario, status);
        ScenarioReport& report = *reports_[job.index];
        report.seconds = std::max(report.seconds, took.count());
    }

    [[nodiscard]] ScenarioReport judge(const Job& job, const Scenario& scenario, int status) const {
        ScenarioReport report = reported(job, scenario, status);
        if (job.timed_out && (report.verdict == Verdict::timed_out || report.verdict == Verdict::crashed)) {
            report.verdict = Verdict::timed_out;
            report.message = fmt::format("it took longer than {} seconds, and was ended", limit(job).count());
        }
        return report;
    }

    [[nodiscard]] ScenarioReport reported(const Job& job, const Scenario& scenario, int status) const {
        if (WIFSIGNALED(status)) {
            return without_verdict(
                scenario, options_, Verdict::crashed,
                fmt::format("the process that ran it was ended by signal {}", WTERMSIG(status)));
        }
        try {
            return ScenarioReport::from_json(nlohmann::json::parse(job.text));
        } catch (const nlohmann::json::exception&) {
            return without_verdict(
                scenario, options_, Verdict::crashed,
                fmt::format("the process that ran it ended with status {} and without a report",
                            WEXITSTATUS(status)));
        }
    }

    /// Asks the children to end, and ends those that do not.
    void end_all() {
        for (const Job& job : running_) {
            ::kill(job.pid, SIGTERM);
        }
        const Clock::time_point until = Clock::now() + grace;
        for (Job& job : running_) {
            // The pipe is read too: a child that is writing its report would wait for ever.
            while (!ended(job, until)) {
            }
            ::kill(job.pid, SIGKILL);
            ::waitpid(job.pid, nullptr, 0);
        }
        running_.clear();
    }

    static bool ended(Job& job, Clock::time_point until) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
        std::array<pollfd, 2> wanted{{{job.process.get(), POLLIN, 0}, {job.pipe.get(), POLLIN, 0}}};
        if (left <= 0 || ::poll(wanted.data(), wanted.size(), static_cast<int>(left)) == 0) {
            return true;
        }
        read(job);
        if ((wanted[1].revents & POLLHUP) != 0) {
            // Nothing more will come: wait for its end alone.
            ::poll(wanted.data(), 1, static_cast<int>(left));
            return true;
        }
        return (wanted[0].revents & POLLIN) != 0;
    }

    const std::vector<Scenario>& scenarios_;
    const RunOptions& options_;
    const PoolOptions& pool_;
    std::vector<std::optional<ScenarioReport>> reports_;
    std::vector<Job> running_;
    std::size_t next_ = 0;
    int interrupted_ = 0;
};

} // namespace

PoolResult run_pool(const std::vector<Scenario>& scenarios, const RunOptions& options,
                    const PoolOptions& pool, const std::function<void(const ScenarioReport&)>& on_report) {
    return Pool(scenarios, options, pool).run(on_report);
}

} // namespace cardrig::harness
