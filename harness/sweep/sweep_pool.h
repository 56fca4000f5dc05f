// The processes of a sweep, as the coordinator sees them: each has a rig of its own and does one thing after
// the other; one that crashes or hangs takes nobody with it.
#pragma once

#include "harness/rig/unique_fd.h"
#include "harness/signal_watch.h"
#include "harness/sweep/sweep_worker.h"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace cardrig::harness {

/// Where tasks come from, and where answers go.
class SweepTasks {
public:
    virtual ~SweepTasks() = default;
    /// For a worker that has nothing to do; `fresh`: it would be made for it, and has not recorded. None:
    /// nothing now, perhaps later.
    [[nodiscard]] virtual std::optional<SweepTask> next(bool fresh) = 0;
    /// One of the answers of sweep_worker.h; a memory phase has several. False: the worker is of no use, and
    /// is ended.
    [[nodiscard]] virtual bool answered(const SweepTask& task, const nlohmann::json& answer) = 0;
    /// The worker that was at it is gone.
    virtual void lost(const SweepTask& task, const std::string& why) = 0;
    /// Called again and again, at least every second.
    virtual void look() = 0;
};

struct SweepPoolOptions {
    std::size_t jobs = 1;
    std::chrono::milliseconds limit{
        std::chrono::minutes(10)}; ///< without a word from a worker that has a task
    std::chrono::milliseconds grace{std::chrono::seconds(10)}; ///< for one that was asked to end
    const SignalWatch& signals;
};

/// Forks: the process has one thread as long as this lives.
class SweepPool final {
public:
    SweepPool(MakeSweepWork make, const SweepPoolOptions& options);
    SweepPool(const SweepPool&) = delete;
    SweepPool& operator=(const SweepPool&) = delete;
    /// Ends the workers, and waits for them.
    ~SweepPool();

    /// Until nobody has a task or is ending and there is none, or a signal has come, which is returned; else
    /// 0. Throws HostError where there can be no process.
    [[nodiscard]] int run(SweepTasks& tasks);
    /// Asks the workers to end, and ends those that do not.
    void end();
    /// Of the workers that live.
    [[nodiscard]] std::vector<pid_t> processes() const;

private:
    struct Worker {
        pid_t pid = 0;
        UniqueFd socket;
        UniqueFd process; ///< readable when it has ended
        std::string text; ///< what it has said of its next line
        std::optional<SweepTask> task;
        std::chrono::steady_clock::time_point heard; ///< from it, or it was given a task
        bool expired = false;                        ///< asked to end
        std::string why;                             ///< the reason for that
    };

    void hand_out(SweepTasks& tasks);
    [[nodiscard]] Worker forked() const;
    [[noreturn]] void live(pid_t parent, int socket) const noexcept;
    static void give(Worker& worker, SweepTask task);
    [[nodiscard]] int wait();
    [[nodiscard]] std::chrono::steady_clock::time_point deadline(const Worker& worker) const;
    void expire(Worker& worker) const;
    [[nodiscard]] bool take_lines(Worker& worker, SweepTasks& tasks) const;
    static void bury(Worker& worker, SweepTasks& tasks);

    MakeSweepWork make_;
    SweepPoolOptions options_;
    std::vector<Worker> workers_;
};

} // namespace cardrig::harness
