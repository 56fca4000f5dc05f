#include "harness/hand/control_server.h"

#include "harness/errors.h"
#include "harness/hand/control_line.h"
#include "harness/hand/hand.h"
#include "harness/rig/quiet_thread.h"
#include "harness/serve/wakeup.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <list>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

/// Somebody who does not take an answer is left after this.
constexpr int time_to_take_ms = 10'000;
constexpr int pause_ms = 100;

/// The rig ends, or whoever asked is gone.
class NobodyWaits final : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

nlohmann::json refusal(const char* kind, const std::string& why) {
    return {{"ok", false}, {"error", why}, {"kind", kind}};
}

bool allowed(int connection) {
    ucred peer{};
    socklen_t size = sizeof peer;
    return getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == geteuid() || peer.uid == 0);
}

/// One connection's conversation, on a thread of its own.
class Conversation final {
public:
    Conversation(UniqueFd connection, const ControlAnswers& answers, const Wakeup& ending)
        : connection_(std::move(connection)), answers_(answers), ending_(ending) {}

    void run() {
        if (!allowed(connection_.get())) {
            static_cast<void>(send(refusal("request", "only the user whose rig this is may move its cards")));
            return;
        }
        while (const auto line = next_line()) {
            if (!send(answer(*line))) {
                return;
            }
        }
        if (lines_.too_long()) {
            static_cast<void>(
                send(refusal("request", fmt::format("a line of more than {} bytes", longest_control_line))));
        }
    }

private:
    [[nodiscard]] std::optional<std::string> next_line();
    [[nodiscard]] nlohmann::json answer(const std::string& line) const;
    [[nodiscard]] bool send(const nlohmann::json& json) const;
    [[nodiscard]] bool ready(short events, int limit_ms) const;
    void keep_waiting() const;

    UniqueFd connection_;
    const ControlAnswers& answers_;
    const Wakeup& ending_;
    ControlLines lines_;
};

/// False where the rig ends, or the limit (-1: none) is over.
bool Conversation::ready(short events, int limit_ms) const {
    std::array<pollfd, 2> waits{{{connection_.get(), events, 0}, {ending_.descriptor(), POLLIN, 0}}};
    int found = 0;
    do {
        found = poll(waits.data(), waits.size(), limit_ms);
    } while (found < 0 && errno == EINTR);
    return found > 0 && waits[1].revents == 0;
}

std::optional<std::string> Conversation::next_line() {
    std::array<char, 4096> buffer{};
    while (true) {
        if (auto line = lines_.next()) {
            return line;
        }
        if (lines_.too_long() || !ready(POLLIN, -1)) {
            return std::nullopt;
        }
        const ssize_t count = recv(connection_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (count < 0 && (errno == EINTR || errno == EAGAIN)) {
            continue;
        }
        if (count <= 0) {
            return lines_.rest(); // whoever writes one request need not end its line
        }
        lines_.append({buffer.data(), static_cast<std::size_t>(count)});
    }
}

/// Also while something is waited for on somebody's behalf.
void Conversation::keep_waiting() const {
    std::array<pollfd, 2> waits{{{connection_.get(), 0, 0}, {ending_.descriptor(), POLLIN, 0}}};
    static_cast<void>(poll(waits.data(), waits.size(), 0));
    if (waits[1].revents != 0) {
        throw NobodyWaits("the rig has come to its end");
    }
    // Not POLLRDHUP: whoever has nothing more to ask may still wait for the answer.
    if ((waits[0].revents & (POLLHUP | POLLERR)) != 0) {
        throw NobodyWaits("the connection is closed");
    }
}

nlohmann::json Conversation::answer(const std::string& line) const {
    const auto request = ControlRequest::parse(line);
    if (!request) {
        return refusal("request", request.error().message);
    }
    try {
        return answers_(*request, [this] { keep_waiting(); });
    } catch (const NobodyWaits& end) {
        return refusal("host", end.what());
    } catch (const RequestError& error) {
        return refusal("request", error.what());
    } catch (const NotInTime& error) {
        return refusal("time", error.what());
    } catch (const std::exception& error) { // HostError, and whatever else goes wrong: the rig goes on
        return refusal("host", error.what());
    }
}

/// False where it cannot be delivered.
bool Conversation::send(const nlohmann::json& json) const {
    // What came in as garbage may be quoted.
    const std::string line = json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    std::string_view left = line;
    while (!left.empty()) {
        const ssize_t sent = ::send(connection_.get(), left.data(), left.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent >= 0) {
            left.remove_prefix(static_cast<std::size_t>(sent));
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            if (!ready(POLLOUT, time_to_take_ms)) {
                return false;
            }
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

} // namespace

struct ControlServer::Parts {
    Parts(std::unique_ptr<ControlSocket> given_socket, ControlAnswers given)
        : socket(std::move(given_socket)), answers(std::move(given)) {
        thread = start_without_signals([this] { serve(); });
    }
    ~Parts() {
        ending.wake();
        thread.join();
        guests.clear();
    }

    struct Guest {
        std::atomic<bool> done = false;
        std::thread thread;
        ~Guest() {
            if (thread.joinable()) {
                thread.join();
            }
        }
    };

    void serve();
    void welcome(UniqueFd connection);

    std::unique_ptr<ControlSocket> socket;
    ControlAnswers answers;
    Wakeup ending; ///< stays readable: nobody clears it
    Wakeup left;
    std::list<Guest> guests;
    std::thread thread;
};

void ControlServer::Parts::serve() {
    while (true) {
        std::array<pollfd, 3> waits{{{socket->descriptor(), POLLIN, 0},
                                     {ending.descriptor(), POLLIN, 0},
                                     {left.descriptor(), POLLIN, 0}}};
        poll(waits.data(), waits.size(), -1);
        if (waits[1].revents != 0) {
            return;
        }
        left.clear();
        guests.remove_if([](const Guest& guest) { return guest.done.load(); });
        if (waits[0].revents != 0) {
            welcome(UniqueFd(accept4(socket->descriptor(), nullptr, nullptr, SOCK_CLOEXEC)));
        }
    }
}

void ControlServer::Parts::welcome(UniqueFd connection) {
    if (!connection) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            // Whoever waits there goes on waiting, until somebody leaves or others close what they have open.
            std::array<pollfd, 2> waits{{{ending.descriptor(), POLLIN, 0}, {left.descriptor(), POLLIN, 0}}};
            static_cast<void>(poll(waits.data(), waits.size(), pause_ms));
        }
        return;
    }
    const auto refuse = [&](const std::string& why) {
        const std::string line = refusal("host", why).dump() + "\n";
        static_cast<void>(::send(connection.get(), line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
    };
    if (guests.size() >= most_control_connections) {
        refuse(fmt::format("{} connections are open already: close one", guests.size()));
        return;
    }
    Guest& guest = guests.emplace_back();
    const auto shared = std::make_shared<UniqueFd>(std::move(connection));
    try {
        guest.thread = start_without_signals([this, &guest, shared] {
            Conversation(std::move(*shared), answers, ending).run();
            guest.done = true;
            left.wake();
        });
    } catch (const std::system_error&) { // no thread to be had
        guests.pop_back();
        connection = std::move(*shared);
        refuse("no thread is to be had for another connection");
    }
}

ControlServer::ControlServer(std::string path, ControlAnswers answers)
    : ControlServer(std::make_unique<ControlSocket>(std::move(path)), std::move(answers)) {}

ControlServer::ControlServer(std::unique_ptr<ControlSocket> socket, ControlAnswers answers)
    : parts_(std::make_unique<Parts>(std::move(socket), std::move(answers))) {}

ControlServer::~ControlServer() = default;

const std::string& ControlServer::path() const {
    return parts_->socket->path();
}

} // namespace cardrig::harness
