#include "scenarios/clients/reference/person.h"

#include "apdu/printable.h"
#include "scenarios/clients/reference/failure.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <optional>
#include <utility>

#include <poll.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

namespace cardrig::client {

namespace {

constexpr std::size_t longest_answer = 1000;
constexpr int asked_again = 3;

/// The terminal shows nothing of what is typed, until the end of its life. The signals that would end the
/// program are held back meanwhile, so that it never ends with a silent terminal.
class NoEcho final {
public:
    NoEcho() {
        sigset_t ending;
        sigemptyset(&ending);
        for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
            sigaddset(&ending, signal);
        }
        pthread_sigmask(SIG_BLOCK, &ending, &mask_before_);
        signals_ = signalfd(-1, &ending, SFD_CLOEXEC);
        if (tcgetattr(STDIN_FILENO, &before_) == 0) {
            termios silent = before_;
            silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
            changed_ = tcsetattr(STDIN_FILENO, TCSADRAIN, &silent) == 0;
        }
    }
    NoEcho(const NoEcho&) = delete;
    NoEcho& operator=(const NoEcho&) = delete;
    ~NoEcho() {
        if (changed_) {
            tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
        }
        if (signals_ >= 0) {
            close(signals_);
        }
        pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
    }
    [[nodiscard]] int signals() const { return signals_; }

private:
    sigset_t mask_before_{};
    termios before_{};
    int signals_ = -1;
    bool changed_ = false;
};

/// Names come from cards and from the authority: a terminal is not to obey what is in them.
void write_out(std::string_view text, const char* end = "") {
    const std::string shown = apdu::printable(text) + end;
    std::fwrite(shown.data(), 1, shown.size(), stdout);
    std::fflush(stdout);
}

} // namespace

void Person::say(std::string_view line) const {
    write_out(line, "\n");
}

std::string Person::ask(std::string_view question) const {
    return std::string(read_line(question, true).text());
}

Secret Person::ask_secret(std::string_view question) const {
    Secret answer = read_line(question, false);
    if (answer.empty() || answer.text() == "cancel") {
        throw cancelled();
    }
    return answer;
}

bool Person::confirm(std::string_view question) const {
    if (yes_) {
        return true;
    }
    for (int asked = 0; asked < asked_again; ++asked) {
        const std::string answer = ask(question);
        if (answer == "yes" || answer == "y") {
            return true;
        }
        if (answer == "no" || answer == "n" || answer == "cancel") {
            return false;
        }
    }
    return false;
}

void Person::interrupt_by(std::shared_ptr<const Event> event, std::function<void()> on_interruption) {
    event_ = std::move(event);
    on_interruption_ = std::move(on_interruption);
}

/// False: a signal ends the program.
bool Person::wait_for_input(int signals) const {
    bool interrupted = false;
    while (true) {
        std::array<pollfd, 3> watched{{{STDIN_FILENO, POLLIN, 0},
                                       {event_ && !interrupted ? event_->descriptor() : -1, POLLIN, 0},
                                       {signals, POLLIN, 0}}};
        if (poll(watched.data(), watched.size(), -1) < 0) {
            if (errno == EINTR) {
                continue;
            }
            return false;
        }
        if (watched[2].revents != 0) {
            return false;
        }
        if (watched[1].revents != 0 && on_interruption_) {
            interrupted = true; // where it does not throw after all, once is enough
            std::fputc('\n', stdout);
            on_interruption_();
        }
        if (watched[0].revents != 0) {
            return true;
        }
    }
}

Secret Person::read_line(std::string_view question, bool echo) const {
    const bool terminal = isatty(STDIN_FILENO) != 0;
    std::optional<NoEcho> silence;
    if (terminal && !echo) {
        silence.emplace(); // before the question: who answers at once is not shown either
    }
    write_out(question);
    Secret line;
    std::array<char, longest_answer> typed{};
    std::size_t size = 0;
    bool ended = false;
    while (!ended) {
        if (!wait_for_input(silence ? silence->signals() : -1)) {
            silence.reset(); // a signal that was held back takes effect here
            throw cancelled();
        }
        char next = 0;
        const ssize_t got = read(STDIN_FILENO, &next, 1);
        if (got <= 0 || size == typed.size()) {
            OPENSSL_cleanse(typed.data(), typed.size());
            std::fputc('\n', stdout);
            throw cancelled();
        }
        ended = next == '\n';
        if (!ended) {
            typed[size++] = next;
        }
    }
    if (size > 0 && typed[size - 1] == '\r') {
        --size;
    }
    line = Secret(std::string_view(typed.data(), size));
    OPENSSL_cleanse(typed.data(), typed.size());
    if (silence || !terminal) {
        std::fputc('\n', stdout); // where nobody's Enter did it
        std::fflush(stdout);
    }
    return line;
}

} // namespace cardrig::client
