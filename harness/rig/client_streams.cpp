#include "harness/rig/client_streams.h"

#include "harness/errors.h"
#include "harness/rig/process_tree.h"
#include "harness/rig/terminal.h"
#include "harness/rig/terminal_wait.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

constexpr int typing_slice = 50; ///< ms
/// Who connects to something, or starts a helper, sleeps for a moment, too.
constexpr std::chrono::milliseconds sound_sleep{100};

/// A file rather than a pipe: nobody has to write while the client reads, or has closed it.
UniqueFd input_file(const std::string& input) {
    UniqueFd file(memfd_create("cardrig-input", MFD_CLOEXEC));
    if (!file || write(file.get(), input.data(), input.size()) != static_cast<ssize_t>(input.size()) ||
        lseek(file.get(), 0, SEEK_SET) != 0) {
        throw HostError(fmt::format("cannot hold the client's input: {}", std::strerror(errno)));
    }
    return file;
}

std::pair<UniqueFd, UniqueFd> make_pipe() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) {
        throw HostError(fmt::format("cannot make a pipe: {}", std::strerror(errno)));
    }
    return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

/// A pipe that nobody reads any more is no reason for the rig to end: this thread does not get its signal.
class WithoutPipeSignal {
public:
    WithoutPipeSignal() {
        sigemptyset(&pipe_);
        sigaddset(&pipe_, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
    }
    WithoutPipeSignal(const WithoutPipeSignal&) = delete;
    WithoutPipeSignal& operator=(const WithoutPipeSignal&) = delete;
    ~WithoutPipeSignal() {
        constexpr timespec at_once{};
        while (sigtimedwait(&pipe_, nullptr, &at_once) < 0 && errno == EINTR) {
        }
        pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }

private:
    sigset_t pipe_{};
    sigset_t before_{};
};

} // namespace

ClientStreams::ClientStreams(const ClientCommand& command) : command_(command) {
    if (command.talk == ClientTalk::terminal) {
        Terminal terminal = open_terminal();
        output_ = std::move(terminal.person);
        terminal_ = std::move(terminal.path);
        for_client_.push_back(std::move(terminal.client));
    } else {
        open_pipes();
    }
}

void ClientStreams::open_pipes() {
    if (command_.talk == ClientTalk::pipe) {
        auto [read_end, write_end] = make_pipe();
        for_client_.push_back(std::move(read_end));
        input_ = std::move(write_end);
        fcntl(input_.get(), F_SETFL, O_NONBLOCK);
    } else {
        for_client_.push_back(input_file(command_.input));
    }
    auto [read_end, write_end] = make_pipe();
    output_ = std::move(read_end);
    for_client_.push_back(std::move(write_end));
    fcntl(output_.get(), F_SETFL, O_NONBLOCK);
}

std::vector<int> ClientStreams::for_client() const {
    const int input = for_client_.front().get();
    const int output = for_client_.back().get();
    return {input, output, output};
}

/// A terminal stays open, as a user's does: it would be gone from the session with the last who has it, and a
/// client may have none of its streams there while it asks by /dev/tty.
void ClientStreams::close_for_client() {
    if (terminal_.empty()) {
        for_client_.clear();
    }
}

int ClientStreams::descriptor() const {
    return over_ ? -1 : output_.get();
}

void ClientStreams::drain() {
    const std::scoped_lock lock(reading_);
    read_all();
}

void ClientStreams::drain_if_free() {
    const std::unique_lock lock(reading_, std::try_to_lock);
    if (lock) {
        read_all();
    }
}

void ClientStreams::read_all() {
    std::array<char, 16384> buffer{};
    while (!over_) {
        const ssize_t count = read(output_.get(), buffer.data(), buffer.size());
        if (count > 0) {
            printed_ = true;
            if (command_.on_output) {
                command_.on_output(std::string_view(buffer.data(), static_cast<std::size_t>(count)));
            }
        } else if (count == 0 || (errno != EINTR && errno != EAGAIN)) {
            over_ = true;
        } else if (errno == EAGAIN) {
            return;
        }
    }
}

void ClientStreams::close() {
    end();
    const std::scoped_lock lock(reading_, typing_);
    over_ = true;
}

void ClientStreams::type(std::string_view line) {
    const std::scoped_lock lock(typing_);
    const bool terminal = command_.talk == ClientTalk::terminal;
    // What the key sends that ends a line.
    const std::string text = std::string(line) + (terminal ? '\r' : '\n');
    const int input = terminal ? output_.get() : input_.get();
    const WithoutPipeSignal quiet;
    std::size_t done = 0;
    while (input >= 0 && !ended_ && done < text.size()) {
        const ssize_t count = write(input, text.data() + done, text.size() - done);
        if (count > 0) {
            done += static_cast<std::size_t>(count);
        } else if (count < 0 && errno != EINTR && errno != EAGAIN) {
            return; // it reads no more
        } else {
            pollfd wait{input, POLLOUT, 0};
            poll(&wait, 1, typing_slice);
        }
    }
}

bool ClientStreams::client_waits() {
    const pid_t process = process_;
    if (printed_.exchange(false)) {
        asleep_since_.reset();
    }
    if (process <= 0) {
        return false;
    }
    if (!terminal_.empty() && std::ranges::any_of(family_of(process), [this](pid_t one) {
            return waits_for_terminal(one, terminal_);
        })) {
        return true;
    }
    if (!all_asleep(process)) {
        asleep_since_.reset();
        return false;
    }
    const auto now = std::chrono::steady_clock::now();
    asleep_since_ = asleep_since_.value_or(now);
    return now - *asleep_since_ >= sound_sleep;
}

} // namespace cardrig::harness
