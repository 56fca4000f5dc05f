#include "harness/rig/terminal.h"

#include "harness/errors.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

[[noreturn]] void fail(int error) {
    throw HostError(fmt::format("cannot make a pseudo-terminal: {}", std::strerror(error)));
}

void set_up(int client) {
    termios settings{};
    if (tcgetattr(client, &settings) != 0) {
        fail(errno);
    }
    settings.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    settings.c_lflag |= ECHONL; // else what is printed next would stand behind the question
    const winsize size{24, 80, 0, 0};
    if (tcsetattr(client, TCSANOW, &settings) != 0 || ioctl(client, TIOCSWINSZ, &size) != 0) {
        fail(errno);
    }
}

} // namespace

Terminal open_terminal() {
    Terminal terminal;
    terminal.person.reset(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    std::array<char, 128> name{};
    if (!terminal.person || grantpt(terminal.person.get()) != 0 || unlockpt(terminal.person.get()) != 0) {
        fail(errno);
    }
    if (const int error = ptsname_r(terminal.person.get(), name.data(), name.size()); error != 0) {
        fail(error);
    }
    terminal.client.reset(open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!terminal.client) {
        fail(errno);
    }
    terminal.path = name.data();
    set_up(terminal.client.get());
    fcntl(terminal.person.get(), F_SETFL, O_RDWR | O_NONBLOCK);
    return terminal;
}

} // namespace cardrig::harness
