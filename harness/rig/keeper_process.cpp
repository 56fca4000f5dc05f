#include "harness/rig/keeper_process.h"

#include "harness/rig/descriptors.h"
#include "harness/rig/folder.h"
#include "harness/rig/message.h"
#include "harness/rig/plain_daemon.h"
#include "harness/rig/process_tree.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <exception>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <string>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto daemon_start_limit = 10s;
/// What a client leaves behind may be about to end by itself.
constexpr auto settling_time = 250ms;
constexpr auto polite_time = 2s;
constexpr auto kill_interval = 50ms;
/// A process that even SIGKILL does not end (another user's, or one stuck in the kernel) is given up.
constexpr auto give_up_time = 5s;
/// For so long, of that, the keepers of rigs that the client runs are spared: once their own clients are
/// killed they clean up, which nobody else would do.
constexpr auto inner_keepers_time = 3s;
constexpr const char* process_name = "cardrig-keeper";

constexpr const char* why_refused =
    "as a container without the privilege does, or kernel.apparmor_restrict_unprivileged_userns = 1";

enum class ClientPhase { none, running, settling, asked_to_stop, being_killed };

class KeeperProcess final {
public:
    explicit KeeperProcess(KeeperPlan plan) : plan_(std::move(plan)) {}
    void run();

private:
    enum class Start { started, refused, failed }; ///< refused: another kind of isolation may do better
    [[nodiscard]] bool start_daemon();
    [[nodiscard]] Start try_daemon(Isolation isolation, std::string& trouble);
    void serve();
    void take_message();
    void start_client(const Message& message);
    void stop_client(int signal);
    void kill_now();
    void signal_client(int signal) const;
    void kill_client(bool inner_keepers_too) const;
    void step_client();
    void end_client();
    void reap();
    void take_daemon_message();
    void end_daemon();
    [[nodiscard]] int wait_limit() const;

    void note_socket(const std::string& path);
    void remove_sockets() const;

    struct Socket {
        std::string path;
        dev_t device;
        ino_t number;
    };

    KeeperPlan plan_;
    std::vector<Socket> sockets_; ///< elsewhere than in the rig's folder
    UniqueFd signals_;
    UniqueFd guardian_line_;
    pid_t guardian_ = -1;
    bool ending_ = false;
    std::optional<Clock::time_point> ready_until_;

    ClientPhase phase_ = ClientPhase::none;
    pid_t client_ = -1;
    std::optional<int> client_status_;
    bool left_processes_ = false;
    Clock::time_point phase_until_;
    Clock::time_point give_up_at_;
};

void KeeperProcess::run() {
    prctl(PR_SET_NAME, process_name);
    // A group of its own: the terminal's signals are for the rig and its client. The same session: a client
    // may join the rig's group.
    setpgid(0, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (const int signal :
         {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTTOU, SIGTTIN, SIGTSTP, SIGPIPE, SIGUSR1, SIGUSR2}) {
        std::signal(signal, SIG_IGN);
    }
    std::signal(SIGCHLD, SIG_DFL);
    sigset_t watched;
    sigemptyset(&watched);
    sigaddset(&watched, SIGCHLD);
    sigprocmask(SIG_SETMASK, &watched, nullptr);
    signals_ = UniqueFd(signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK));
    close_descriptors({signals_.get(), plan_.rig, plan_.daemon.requests}, true);
    std::optional<Message> message = receive_message(plan_.rig);
    if (message && (message->kind != MessageKind::start_daemon || message->files.empty())) {
        return; // the rig has come to nothing, and removes what it made
    }
    if (message) {
        plan_.daemon.listener = message->files.front().get();
        if (start_daemon()) {
            message.reset(); // closed here, it is the daemon's alone
            close(plan_.daemon.requests);
            serve();
        }
        end_daemon();
        remove_sockets();
    }
    remove_folder(plan_.daemon.folder);
}

void KeeperProcess::note_socket(const std::string& path) {
    struct stat made {};
    if (lstat(path.c_str(), &made) == 0 && S_ISSOCK(made.st_mode)) {
        sockets_.push_back({path, made.st_dev, made.st_ino});
    }
}

/// The rig did so itself, unless it was killed; by now somebody else may have one there.
void KeeperProcess::remove_sockets() const {
    for (const Socket& socket : sockets_) {
        struct stat found {};
        if (lstat(socket.path.c_str(), &found) == 0 && found.st_dev == socket.device &&
            found.st_ino == socket.number) {
            unlink(socket.path.c_str());
        }
    }
}

/// Tells the rig how it went.
bool KeeperProcess::start_daemon() {
    std::string trouble;
    Start start = Start::refused;
    if (plan_.daemon.user == 0) {
        start = try_daemon(Isolation::namespaces, trouble);
    }
    if (start == Start::refused) {
        start = try_daemon(Isolation::user_namespaces, trouble);
    }
    std::string notice;
    if (start == Start::refused) {
        const std::string harm = harm_of_plain_daemon(plan_.daemon);
        notice = fmt::format(
            "this host refuses namespaces ({}; {}): the private pcscd runs without them{}", trouble,
            why_refused,
            plan_.daemon.readers.on_ports ? ", and its readers can be reached from the network" : "");
        trouble = fmt::format("this host refuses namespaces ({}; {}), and without them {}", trouble,
                              why_refused, harm);
        start = harm.empty() ? try_daemon(Isolation::none, trouble) : Start::failed;
    }
    if (start == Start::started) {
        send_message(plan_.rig, {MessageKind::daemon_started, 0, 0, notice, {}});
        return true;
    }
    send_message(plan_.rig, {MessageKind::daemon_refused, 0, 0, trouble, {}});
    return false;
}

KeeperProcess::Start KeeperProcess::try_daemon(Isolation isolation, std::string& trouble) {
    auto [mine, its] = message_pair();
    guardian_ = start_guardian(plan_.daemon, isolation, its.get());
    if (guardian_ < 0) {
        trouble = std::strerror(errno);
        return Start::refused;
    }
    its.reset();
    const std::optional<Message> answer = receive_message(mine.get());
    if (answer && answer->kind == MessageKind::daemon_started) {
        guardian_line_ = std::move(mine);
        ready_until_ = Clock::now() + daemon_start_limit;
        return Start::started;
    }
    trouble = answer ? answer->text : "its guardian ended";
    while (waitpid(guardian_, nullptr, 0) < 0 && errno == EINTR) {
    }
    guardian_ = -1;
    return answer && answer->value == 1 ? Start::refused : Start::failed;
}

int KeeperProcess::wait_limit() const {
    std::optional<Clock::time_point> until = ready_until_;
    if (phase_ != ClientPhase::none && phase_ != ClientPhase::running) {
        until = until ? std::min(*until, phase_until_) : phase_until_;
    }
    if (!until) {
        return -1;
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*until - Clock::now());
    return static_cast<int>(std::max<std::int64_t>(0, left.count()));
}

/// Until the rig has ended, or asked for the end, and the client is no more.
void KeeperProcess::serve() {
    while (!ending_ || phase_ != ClientPhase::none) {
        std::array<pollfd, 3> waits{{{signals_.get(), POLLIN, 0},
                                     {ending_ ? -1 : plan_.rig, POLLIN, 0},
                                     {guardian_line_ ? guardian_line_.get() : -1, POLLIN, 0}}};
        poll(waits.data(), waits.size(), wait_limit());
        if (waits[2].revents != 0) {
            take_daemon_message();
        }
        if (waits[1].revents != 0) {
            take_message();
        }
        if (ready_until_ && Clock::now() >= *ready_until_) {
            ready_until_.reset();
            if (guardian_ > 0) { // to -1 it would go to everybody
                kill(guardian_, SIGTERM);
            }
        }
        reap();
        step_client();
    }
}

void KeeperProcess::take_message() {
    const std::optional<Message> message = receive_message(plan_.rig);
    if (!message || message->kind == MessageKind::end) {
        ending_ = true;
        stop_client(SIGTERM);
        return;
    }
    if (message->kind == MessageKind::ready) {
        ready_until_.reset();
    } else if (message->kind == MessageKind::remove_at_end) {
        note_socket(message->text);
    } else if (message->kind == MessageKind::start_client) {
        start_client(*message);
    } else if (message->kind == MessageKind::stop_client) {
        stop_client(message->value);
    } else if (message->kind == MessageKind::kill_client) {
        kill_now();
    }
}

void KeeperProcess::start_client(const Message& message) {
    std::vector<UniqueFd> streams;
    for (std::size_t i = 1; i < message.files.size(); ++i) {
        streams.emplace_back(fcntl(message.files[i].get(), F_DUPFD_CLOEXEC, 0));
    }
    const Launched launched = launch(Launch::from_file(message.files.at(0).get()), plan_.signals, streams);
    if (launched.pid < 0) {
        send_message(plan_.rig, {MessageKind::client_not_started, launched.error, 0, {}, {}});
        return;
    }
    client_ = launched.pid;
    client_status_.reset();
    left_processes_ = false;
    phase_ = ClientPhase::running;
    send_message(plan_.rig, {MessageKind::client_started, client_, 0, {}, {}});
}

void KeeperProcess::signal_client(int signal) const {
    for (const pid_t process : descendants(guardian_)) {
        kill(process, signal);
        kill(process, SIGCONT); // one that is stopped could not act on it
    }
}

void KeeperProcess::kill_client(bool inner_keepers_too) const {
    for (const pid_t process : descendants(guardian_)) {
        if (inner_keepers_too || name_of(process) != process_name) {
            kill(process, SIGKILL);
        }
    }
}

void KeeperProcess::stop_client(int signal) {
    if (phase_ == ClientPhase::running || phase_ == ClientPhase::settling) {
        signal_client(signal);
        phase_ = ClientPhase::asked_to_stop;
        phase_until_ = Clock::now() + polite_time;
    }
}

void KeeperProcess::kill_now() {
    if (phase_ != ClientPhase::none && phase_ != ClientPhase::being_killed) {
        phase_ = ClientPhase::being_killed;
        give_up_at_ = Clock::now() + give_up_time;
    }
}

/// Moves on when processes have ended or time has passed.
void KeeperProcess::step_client() {
    if (phase_ == ClientPhase::none || (phase_ == ClientPhase::running && !client_status_)) {
        return;
    }
    if (client_status_ && descendants(guardian_).empty()) {
        end_client();
        return;
    }
    const auto now = Clock::now();
    if (phase_ == ClientPhase::running) {
        phase_ = ClientPhase::settling;
        phase_until_ = now + settling_time;
    } else if (phase_ == ClientPhase::settling && now >= phase_until_) {
        left_processes_ = true;
        stop_client(SIGTERM);
    } else if (phase_ == ClientPhase::asked_to_stop && now >= phase_until_) {
        phase_ = ClientPhase::being_killed;
        give_up_at_ = now + give_up_time;
    }
    if (phase_ == ClientPhase::being_killed) {
        kill_client(now + give_up_time >= give_up_at_ + inner_keepers_time);
        phase_until_ = now + kill_interval;
        if (now >= give_up_at_) {
            end_client();
        }
    }
}

void KeeperProcess::end_client() {
    phase_ = ClientPhase::none;
    client_ = -1;
    send_message(
        plan_.rig,
        {MessageKind::client_ended, client_status_.value_or(SIGKILL), left_processes_ ? 1 : 0, {}, {}});
}

void KeeperProcess::reap() {
    signalfd_siginfo info{};
    while (read(signals_.get(), &info, sizeof info) > 0) {
    }
    int status = 0;
    pid_t child = 0;
    while ((child = waitpid(-1, &status, WNOHANG)) > 0) {
        if (child == client_) {
            client_status_ = status;
        } else if (child == guardian_) {
            guardian_ = -1;
        }
    }
}

void KeeperProcess::take_daemon_message() {
    const std::optional<Message> message = receive_message(guardian_line_.get());
    guardian_line_.reset();
    ready_until_.reset();
    send_message(plan_.rig, {MessageKind::daemon_ended, message ? message->value : SIGKILL, 0, {}, {}});
}

void KeeperProcess::end_daemon() {
    if (guardian_ < 0) {
        return;
    }
    kill(guardian_, SIGTERM);
    const auto kill_at = Clock::now() + 2 * polite_time;
    while (guardian_ >= 0) {
        pollfd wait{signals_.get(), POLLIN, 0};
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(kill_at - Clock::now()).count();
        if (poll(&wait, 1, static_cast<int>(std::max<std::int64_t>(0, left))) == 0) {
            kill(guardian_, SIGKILL);
            while (waitpid(guardian_, nullptr, 0) < 0 && errno == EINTR) {
            }
            return;
        }
        reap();
    }
}

} // namespace

void keep(const KeeperPlan& plan) {
    try {
        KeeperProcess(plan).run();
    } catch (const std::exception& error) {
        send_message(plan.rig, {MessageKind::daemon_refused, 0, 0, error.what(), {}});
        remove_folder(plan.daemon.folder);
    }
    _exit(0);
}

} // namespace cardrig::harness
