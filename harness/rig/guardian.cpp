#include "harness/rig/guardian.h"

#include "harness/errors.h"
#include "harness/rig/descriptors.h"
#include "harness/rig/isolate.h"
#include "harness/rig/listen_hold.h"
#include "harness/rig/message.h"
#include "harness/rig/ports.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fcntl.h>
#include <fstream>
#include <optional>
#include <poll.h>
#include <sched.h>
#include <string_view>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

/// sd_listen_fds(3): the first descriptor that is handed over.
constexpr int first_listen_fd = 3;
constexpr auto time_to_stop = 2s;
/// For so long a connection is tried without a pause: vpcd looks for a card right after it begins to listen,
/// and then only every 400 ms.
constexpr auto eager_time = 30ms;

class Guardian final {
public:
    Guardian(const DaemonPlan& plan, Isolation isolation, int keeper)
        : plan_(plan), isolation_(isolation), keeper_(keeper) {}

    void run();

private:
    void write_configuration() const;
    void start_daemon();
    [[noreturn]] void become_daemon(int failure, int hold) const;
    void serve();
    void take_request();
    void try_connections();
    [[nodiscard]] int try_connection(int slot);
    void connect_to_listener();
    void take_signals();
    void reap();
    [[nodiscard]] int wait_limit() const;

    const DaemonPlan& plan_;
    Isolation isolation_;
    int keeper_;
    PortPair ports_;
    UniqueFd signals_;
    UniqueFd hold_; ///< readable when the daemon is about to listen; none where that cannot be held
    pid_t daemon_ = -1;
    std::optional<int> daemon_status_;
    bool requests_open_ = true;
    unsigned wanted_slots_ = 0; ///< bits
    Clock::time_point wanted_since_;
    Clock::time_point wanted_until_;
    std::optional<Clock::time_point> kill_at_;
};

/// The user's settings are for the system's daemon: PCSCLITE_FILTER_* would rename the rig's readers, or hide
/// them.
void forget_pcsclite_settings() {
    std::vector<std::string> names;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        if (text.starts_with("PCSCLITE_")) {
            names.emplace_back(text.substr(0, text.find('=')));
        }
    }
    for (const std::string& name : names) {
        unsetenv(name.c_str());
    }
}

/// reader.conf(5)
void Guardian::write_configuration() const {
    const std::string path = plan_.folder + "/readers/cardrig";
    std::ofstream file(path);
    file << plan_.readers.configuration(ports_.first());
    file.close();
    if (!file) {
        throw HostError(fmt::format("cannot write {}: {}", path, std::strerror(errno)));
    }
}

void Guardian::become_daemon(int failure, int hold) const {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    for (int signal = 1; signal < NSIG; ++signal) {
        struct sigaction action {};
        action.sa_handler = SIG_DFL;
        sigaction(signal, &action, nullptr);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int log = open(daemon_log(plan_.folder).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log < 0) {
        log = null; // its words are lost then, rather than mixed into the rig's own
    }
    if (plan_.readers.on_ports) {
        if (const UniqueFd held = hold_listen()) {
            send_message(hold, {MessageKind::listen_held, 0, 0, {}, {}}, {held.get()});
        }
    }
    const int listener = fcntl(plan_.listener, F_DUPFD_CLOEXEC, 10);
    const int kept_failure = fcntl(failure, F_DUPFD_CLOEXEC, 10);
    dup2(null, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    dup2(listener, first_listen_fd);
    syscall(SYS_close_range, first_listen_fd + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    forget_pcsclite_settings();
    setenv("LISTEN_FDS", "1", 1);
    setenv("LISTEN_PID", fmt::format("{}", getpid()).c_str(), 1);
    const std::string readers = plan_.folder + "/readers";
    std::vector<const char*> argv{plan_.host.daemon.c_str(), "-f", "-c", readers.c_str()};
    if (plan_.host.knows_disable_polkit) {
        argv.push_back("--disable-polkit");
    }
    argv.push_back(nullptr);
    execv(argv[0], const_cast<char**>(argv.data()));
    const int error = errno;
    const bool told = write(kept_failure, &error, sizeof error) == static_cast<ssize_t>(sizeof error);
    _exit(told ? 127 : 126);
}

void Guardian::start_daemon() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) {
        throw HostError(fmt::format("cannot make a pipe: {}", std::strerror(errno)));
    }
    const UniqueFd read_end(ends[0]);
    UniqueFd write_end(ends[1]);
    auto [mine, its] = message_pair();
    daemon_ = fork();
    if (daemon_ < 0) {
        throw HostError(fmt::format("cannot make a process: {}", std::strerror(errno)));
    }
    if (daemon_ == 0) {
        become_daemon(write_end.get(), its.get());
    }
    write_end.reset();
    its.reset();
    close(plan_.listener); // else clients would hang, not fail, when the daemon dies
    int error = 0;
    ssize_t count = -1;
    do {
        count = read(read_end.get(), &error, sizeof error);
    } while (count < 0 && errno == EINTR);
    if (count > 0) {
        throw HostError(fmt::format("cannot run {}: {}", plan_.host.daemon, std::strerror(error)));
    }
    if (std::optional<Message> held = receive_message(mine.get()); held && !held->files.empty()) {
        hold_ = std::move(held->files.front());
    }
}

void Guardian::run() {
    prctl(PR_SET_NAME, "cardrig-guard");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t watched;
    sigemptyset(&watched);
    sigaddset(&watched, SIGCHLD);
    sigaddset(&watched, SIGTERM);
    sigprocmask(SIG_SETMASK, &watched, nullptr);
    signals_ = UniqueFd(signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK));
    close_descriptors({signals_.get(), keeper_, plan_.listener, plan_.requests}, false);
    try {
        isolate(plan_, isolation_);
    } catch (const HostError& error) {
        send_message(keeper_, {MessageKind::daemon_refused, 1, 0, error.what(), {}});
        return;
    }
    try {
        if (plan_.readers.on_ports) {
            ports_ = isolation_ == Isolation::none ? PortPair::find_free() : PortPair::usual();
        }
        write_configuration();
        start_daemon();
    } catch (const HostError& error) {
        send_message(keeper_, {MessageKind::daemon_refused, 0, 0, error.what(), {}});
        return;
    }
    if (send_message(keeper_, {MessageKind::daemon_started, 0, 0, {}, {}})) {
        serve();
    }
}

int Guardian::wait_limit() const {
    const auto now = Clock::now();
    if (wanted_slots_ != 0) {
        return !hold_ && now < wanted_since_ + eager_time ? 0 : 1;
    }
    if (kill_at_) {
        return static_cast<int>(
            std::max<std::int64_t>(0, std::chrono::ceil<std::chrono::milliseconds>(*kill_at_ - now).count()));
    }
    return -1;
}

/// Until the daemon has ended.
void Guardian::serve() {
    while (!daemon_status_) {
        try_connections();
        std::array<pollfd, 4> waits{{{signals_.get(), POLLIN, 0},
                                     {requests_open_ ? plan_.requests : -1, POLLIN, 0},
                                     {kill_at_ ? -1 : keeper_, POLLIN, 0},
                                     {hold_.get(), POLLIN, 0}}};
        if (poll(waits.data(), waits.size(), wait_limit()) == 0 && wanted_slots_ != 0) {
            sched_yield();
        }
        if (waits[2].revents != 0) { // the keeper says nothing: it is gone
            kill(daemon_, SIGKILL);
            kill_at_ = Clock::now() + time_to_stop;
        }
        take_signals();
        if (waits[1].revents != 0) {
            take_request();
        }
        if (waits[3].revents != 0) {
            connect_to_listener();
        }
        if (kill_at_ && Clock::now() >= *kill_at_) {
            kill(daemon_, SIGKILL);
            kill_at_ = Clock::now() + time_to_stop;
        }
        reap();
    }
    send_message(keeper_, {MessageKind::daemon_ended, *daemon_status_, 0, {}, {}});
}

void Guardian::take_signals() {
    signalfd_siginfo info{};
    while (read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
        if (info.ssi_signo == SIGTERM && !kill_at_) {
            kill(daemon_, SIGTERM);
            kill_at_ = Clock::now() + time_to_stop;
        }
    }
}

void Guardian::reap() {
    int status = 0;
    pid_t child = 0;
    // In namespaces of its own this is process 1: whatever the daemon leaves is its child.
    while ((child = waitpid(-1, &status, WNOHANG)) > 0) {
        if (child == daemon_) {
            daemon_status_ = status;
        }
    }
}

void Guardian::take_request() {
    const std::optional<Message> request = receive_message(plan_.requests);
    if (!request) {
        requests_open_ = false;
        return;
    }
    if (request->kind == MessageKind::connect) {
        wanted_slots_ |= static_cast<unsigned>(request->value);
        wanted_since_ = Clock::now();
        wanted_until_ = wanted_since_ + std::chrono::milliseconds(request->detail);
    }
}

void Guardian::try_connections() {
    for (int slot = 0; slot < 2 && wanted_slots_ != 0; ++slot) {
        if (const int error = try_connection(slot); error != 0 && Clock::now() >= wanted_until_) {
            send_message(plan_.requests, {MessageKind::not_connected, slot, error, {}, {}});
            wanted_slots_ &= ~(1U << static_cast<unsigned>(slot));
        }
    }
}

/// 0 where the slot is not wanted, or is connected now; else errno.
int Guardian::try_connection(int slot) {
    const unsigned bit = 1U << static_cast<unsigned>(slot);
    if ((wanted_slots_ & bit) == 0) {
        return 0;
    }
    const Connection connection = connect_to_port(static_cast<std::uint16_t>(ports_.first() + slot));
    if (!connection.socket) {
        return connection.error;
    }
    send_message(plan_.requests, {MessageKind::connected, slot, 0, {}, {}}, {connection.socket.get()});
    wanted_slots_ &= ~bit;
    return 0;
}

/// The daemon begins to listen for a card: before it looks for one, the card is there.
void Guardian::connect_to_listener() {
    release_listen(hold_.get(), daemon_,
                   [this](std::uint16_t port) { static_cast<void>(try_connection(port - ports_.first())); });
}

} // namespace

std::string daemon_log(const std::string& folder) {
    return folder + "/pcscd.log";
}

pid_t start_guardian(const DaemonPlan& plan, Isolation isolation, int keeper) {
    unsigned long flags = SIGCHLD;
    if (isolation != Isolation::none) {
        flags |= CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID;
    }
    if (isolation == Isolation::user_namespaces) {
        flags |= CLONE_NEWUSER;
    }
    // As fork(), in namespaces of its own; all arguments but the flags are zero, so their order, which
    // differs by architecture, does not matter. The caller has one thread.
    const auto child = static_cast<pid_t>(syscall(SYS_clone, flags, 0, 0, 0, 0));
    if (child != 0) {
        return child;
    }
    try {
        Guardian(plan, isolation, keeper).run();
    } catch (const std::exception& error) {
        send_message(keeper, {MessageKind::daemon_refused, 0, 0, error.what(), {}});
    }
    _exit(0);
}

} // namespace cardrig::harness
