#include "harness/rig/launch.h"

#include "harness/errors.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

std::vector<char*> pointers(const std::vector<std::string>& strings) {
    std::vector<char*> result;
    result.reserve(strings.size() + 1);
    for (const std::string& string : strings) {
        result.push_back(const_cast<char*>(string.c_str()));
    }
    result.push_back(nullptr);
    return result;
}

/// In the new process. Returns errno if it comes to nothing.
int become(const Launch& launch, const SignalState& signals, const std::vector<UniqueFd>& streams,
           pid_t parent) {
    signals.restore();
    if (launch.group != 0 ? setpgid(0, launch.group) != 0 : setsid() < 0) {
        return errno;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        return ESRCH;
    }
    // Two steps: a stream's descriptor may itself be one of the three.
    std::array<int, 3> high{};
    for (std::size_t i = 0; i < high.size(); ++i) {
        high[i] = fcntl(streams[i].get(), F_DUPFD_CLOEXEC, 3);
    }
    for (std::size_t i = 0; i < high.size(); ++i) {
        if (high[i] < 0 || dup2(high[i], static_cast<int>(i)) < 0) {
            return errno;
        }
    }
    if (launch.terminal && ioctl(STDIN_FILENO, TIOCSCTTY, 0) != 0) {
        return errno;
    }
    if (chdir(launch.directory.c_str()) != 0) {
        return errno;
    }
    std::vector<char*> argv = pointers(launch.argv);
    std::vector<char*> environment = pointers(launch.environment);
    environ = environment.data(); // execvp takes PATH from here
    execvp(argv[0], argv.data());
    return errno;
}

} // namespace

UniqueFd Launch::to_file() const {
    std::string text = fmt::format("{}", argv.size());
    const auto add = [&text](const std::string& field) {
        text += '\0';
        text += field;
    };
    add(fmt::format("{}", group));
    add(terminal ? "1" : "0");
    add(directory);
    for (const std::string& argument : argv) {
        add(argument);
    }
    for (const std::string& variable : environment) {
        add(variable);
    }
    UniqueFd file(memfd_create("cardrig-launch", MFD_CLOEXEC));
    if (!file || write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
        throw HostError(fmt::format("cannot write to memory: {}", std::strerror(errno)));
    }
    return file;
}

Launch Launch::from_file(int fd) {
    const off_t size = lseek(fd, 0, SEEK_END);
    std::string text(static_cast<std::size_t>(size < 0 ? 0 : size), '\0');
    if (size < 0 || pread(fd, text.data(), text.size(), 0) != size) {
        throw HostError(fmt::format("cannot read from memory: {}", std::strerror(errno)));
    }
    std::vector<std::string> fields;
    std::size_t begin = 0;
    for (std::size_t end = 0; end != std::string::npos; begin = end + 1) {
        end = text.find('\0', begin);
        fields.push_back(text.substr(begin, end == std::string::npos ? end : end - begin));
    }
    const std::size_t arguments = std::stoul(fields.at(0));
    Launch launch;
    launch.group = std::stoi(fields.at(1));
    launch.terminal = fields.at(2) == "1";
    launch.directory = fields.at(3);
    const auto first = fields.begin() + 4;
    const auto middle = first + static_cast<std::ptrdiff_t>(arguments);
    launch.argv.assign(first, middle);
    launch.environment.assign(middle, fields.end());
    return launch;
}

SignalState SignalState::current(const sigset_t& mask) {
    SignalState state;
    state.mask = mask;
    state.actions.resize(NSIG);
    for (int signal = 1; signal < NSIG; ++signal) {
        sigaction(signal, nullptr, &state.actions[static_cast<std::size_t>(signal)]);
    }
    return state;
}

void SignalState::restore() const {
    for (int signal = 1; signal < NSIG; ++signal) {
        struct sigaction action = actions[static_cast<std::size_t>(signal)];
        // A handler does not outlive exec; whether a signal is ignored does.
        if (action.sa_handler != SIG_IGN) {
            action = {};
            action.sa_handler = SIG_DFL;
        }
        sigaction(signal, &action, nullptr);
    }
    sigprocmask(SIG_SETMASK, &mask, nullptr);
}

Launched launch(const Launch& launch, const SignalState& signals, const std::vector<UniqueFd>& streams) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) {
        return {-1, errno};
    }
    const UniqueFd read_end(ends[0]);
    UniqueFd write_end(ends[1]);
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child < 0) {
        return {-1, errno};
    }
    if (child == 0) {
        const int error = become(launch, signals, streams, parent);
        const bool told = write(write_end.get(), &error, sizeof error) == static_cast<ssize_t>(sizeof error);
        _exit(told ? 127 : 126);
    }
    write_end.reset();
    int error = 0;
    ssize_t count = -1;
    do {
        count = read(read_end.get(), &error, sizeof error); // nothing comes if exec closes the pipe
    } while (count < 0 && errno == EINTR);
    if (count == static_cast<ssize_t>(sizeof error)) {
        while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
        }
        return {-1, error};
    }
    return {child, 0};
}

} // namespace cardrig::harness
