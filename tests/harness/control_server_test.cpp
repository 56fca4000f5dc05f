#include "harness/hand/control_server.h"

#include "harness/errors.h"
#include "harness/hand/control_client.h"
#include "harness/hand/hand.h"
#include "tests/harness/test_card.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <future>
#include <latch>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

using namespace cardrig::harness;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr int limit_ms = 20'000;

/// A connection, byte by byte.
class Raw {
public:
    explicit Raw(const std::string& path) : socket_(connect_to_control(path)) {}

    void write(const std::string& text) const {
        BOOST_REQUIRE(send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL) ==
                      static_cast<ssize_t>(text.size()));
    }
    void try_to_write(const std::string& text) const {
        static_cast<void>(!send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL));
    }
    void no_more() const { shutdown(socket_.get(), SHUT_WR); }
    /// The next line; none at the connection's end.
    std::optional<json> read() {
        while (true) {
            const std::size_t end = waiting_.find('\n');
            if (end != std::string::npos) {
                const json answer = json::parse(waiting_.substr(0, end));
                waiting_.erase(0, end + 1);
                return answer;
            }
            pollfd wait{socket_.get(), POLLIN, 0};
            BOOST_REQUIRE_MESSAGE(poll(&wait, 1, limit_ms) > 0, "no answer");
            std::array<char, 4096> buffer{};
            const ssize_t count = recv(socket_.get(), buffer.data(), buffer.size(), 0);
            if (count <= 0) {
                return std::nullopt;
            }
            waiting_.append(buffer.data(), static_cast<std::size_t>(count));
        }
    }
    json ask(const std::string& line) {
        write(line + "\n");
        const auto answer = read();
        BOOST_REQUIRE_MESSAGE(answer.has_value(), "no answer to " << line);
        return *answer;
    }

private:
    UniqueFd socket_;
    std::string waiting_;
};

/// A server whose `wait` waits until it is let go, or nobody waits for it any more.
struct Fixture {
    Fixture() { start(); }
    void start() {
        server = std::make_unique<ControlServer>(
            path, [this](const ControlRequest& request, const std::function<void()>& keep_waiting) {
                return answer(request, keep_waiting);
            });
    }
    json answer(const ControlRequest& request, const std::function<void()>& keep_waiting) {
        if (request.asked == ControlRequest::Asked::act) {
            throw RequestError("refused");
        }
        if (request.asked == ControlRequest::Asked::forget) {
            throw NotInTime("late");
        }
        std::unique_lock lock(mutex);
        if (request.asked == ControlRequest::Asked::wait) {
            ++waiting;
            changed.notify_all();
            struct Gone {
                Fixture& fixture;
                ~Gone() {
                    --fixture.waiting;
                    fixture.changed.notify_all();
                }
            } const gone{*this};
            while (!let_go) {
                changed.wait_for(lock, 5ms);
                keep_waiting();
            }
        }
        return {{"ok", true}};
    }
    void until_waiting(int count) {
        std::unique_lock lock(mutex);
        BOOST_REQUIRE_MESSAGE(
            changed.wait_for(lock, std::chrono::milliseconds(limit_ms), [&] { return waiting == count; }),
            "not " << count << " that wait");
    }

    cardrig::test::TemporaryFolder folder;
    std::string path = folder.file("control");
    std::mutex mutex;
    std::condition_variable changed;
    bool let_go = false;
    int waiting = 0;
    std::unique_ptr<ControlServer> server;
};

/// Bound, and closed without being removed: what SIGKILL leaves.
void leave_dead_socket(const std::string& path) {
    const UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    BOOST_TEST_REQUIRE(bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
}

constexpr const char* ask_status = R"({"do": "status"})";
constexpr const char* wait_for_fault = R"({"do": "wait", "fault": 1})";

} // namespace

BOOST_AUTO_TEST_SUITE(control_server)

BOOST_AUTO_TEST_CASE(requests_are_answered_line_by_line) {
    Fixture rig;
    Raw client(rig.path);
    BOOST_TEST(client.ask(ask_status) == json({{"ok", true}}));
    client.write(std::string(ask_status) + "\r\n\n" + ask_status + "\n");
    BOOST_TEST(client.read()->at("ok") == true);
    BOOST_TEST(client.read()->at("ok") == true);
}

BOOST_AUTO_TEST_CASE(pieces_of_a_line_are_put_together_and_the_last_needs_no_newline) {
    Fixture rig;
    Raw client(rig.path);
    for (const char c : std::string(ask_status)) {
        client.write(std::string(1, c));
    }
    client.no_more();
    BOOST_TEST(client.read()->at("ok") == true);
    BOOST_TEST(!client.read().has_value());
}

BOOST_AUTO_TEST_CASE(what_goes_wrong_has_a_kind) {
    Fixture rig;
    Raw client(rig.path);
    BOOST_TEST(client.ask(R"({"do": "remove"})") ==
               json({{"ok", false}, {"error", "refused"}, {"kind", "request"}}));
    BOOST_TEST(client.ask(R"({"do": "forget"})") ==
               json({{"ok", false}, {"error", "late"}, {"kind", "time"}}));
    BOOST_TEST(client.ask("garbage \xff").at("kind") == "request");
    BOOST_TEST(client.ask(R"({"do": "remove", "whn": 1})").at("kind") == "request");
    BOOST_TEST(client.ask(ask_status).at("ok") == true); // and the conversation goes on
}

BOOST_AUTO_TEST_CASE(a_line_that_is_too_long_ends_its_connection_alone) {
    Fixture rig;
    Raw other(rig.path);
    Raw client(rig.path);
    client.write(std::string(longest_control_line + 1, ' '));
    const auto answer = client.read();
    BOOST_TEST_REQUIRE(answer.has_value());
    BOOST_TEST(answer->at("kind") == "request");
    BOOST_TEST(other.ask(ask_status).at("ok") == true);
}

BOOST_AUTO_TEST_CASE(nobody_waits_for_what_another_one_asked_for) {
    Fixture rig;
    std::vector<std::unique_ptr<Raw>> waiting;
    for (int i = 0; i < 5; ++i) {
        waiting.push_back(std::make_unique<Raw>(rig.path));
        waiting.back()->write(std::string(wait_for_fault) + "\n");
    }
    rig.until_waiting(5);
    Raw other(rig.path);
    BOOST_TEST(other.ask(ask_status).at("ok") == true);
    {
        const std::scoped_lock lock(rig.mutex);
        rig.let_go = true;
    }
    rig.changed.notify_all();
    for (const auto& client : waiting) {
        BOOST_TEST(client->read()->at("ok") == true);
    }
}

BOOST_AUTO_TEST_CASE(who_is_gone_is_waited_for_no_more_who_only_stops_asking_is) {
    Fixture rig;
    auto gone = std::make_unique<Raw>(rig.path);
    gone->write(std::string(wait_for_fault) + "\n");
    Raw silent(rig.path);
    silent.write(wait_for_fault);
    silent.no_more();
    rig.until_waiting(2);
    gone.reset();
    rig.until_waiting(1);
    {
        const std::scoped_lock lock(rig.mutex);
        rig.let_go = true;
    }
    BOOST_TEST(silent.read()->at("ok") == true);
}

BOOST_AUTO_TEST_CASE(there_are_sixteen_connections_at_most) {
    Fixture rig;
    std::vector<std::unique_ptr<Raw>> clients;
    for (std::size_t i = 0; i < most_control_connections; ++i) {
        clients.push_back(std::make_unique<Raw>(rig.path));
        BOOST_TEST(clients.back()->ask(ask_status).at("ok") == true);
    }
    {
        Raw one_more(rig.path);
        const auto answer = one_more.read();
        BOOST_TEST_REQUIRE(answer.has_value());
        BOOST_TEST(answer->at("kind") == "host");
        BOOST_TEST(!one_more.read().has_value());
    }
    clients.pop_back();
    // Its place is free once its thread has ended.
    bool answered = false;
    for (const auto until = std::chrono::steady_clock::now() + 20s;
         !answered && std::chrono::steady_clock::now() < until;) {
        Raw again(rig.path);
        again.try_to_write(std::string(ask_status) + "\n"); // a refused one may be closed already
        const auto answer = again.read();
        answered = answer && answer->at("ok") == true;
    }
    BOOST_TEST(answered);
}

BOOST_AUTO_TEST_CASE(at_its_end_whoever_waits_is_told_and_the_socket_is_gone) {
    Fixture rig;
    Raw waiting(rig.path);
    Raw idle(rig.path);
    BOOST_TEST(idle.ask(ask_status).at("ok") == true);
    waiting.write(std::string(wait_for_fault) + "\n");
    rig.until_waiting(1);
    rig.server.reset();
    BOOST_TEST(waiting.read()->at("kind") == "host");
    BOOST_TEST(!waiting.read().has_value());
    BOOST_TEST(!idle.read().has_value());
    BOOST_TEST(!std::filesystem::exists(rig.path));
}

BOOST_AUTO_TEST_CASE(the_socket_is_its_owners_alone) {
    const Fixture rig;
    struct stat found {};
    BOOST_TEST_REQUIRE(lstat(rig.path.c_str(), &found) == 0);
    BOOST_TEST(S_ISSOCK(found.st_mode));
    BOOST_TEST((found.st_mode & 0777U) == 0600U);
}

/// Tried where we are root and can be somebody else; else the mode alone keeps others out.
BOOST_AUTO_TEST_CASE(another_user_is_refused) {
    Fixture rig;
    if (geteuid() != 0) {
        BOOST_TEST_MESSAGE("as root this test also connects as another user");
        return;
    }
    BOOST_TEST_REQUIRE(chmod(rig.folder.path().c_str(), 0755) == 0);
    BOOST_TEST_REQUIRE(chmod(rig.path.c_str(), 0666) == 0);
    const pid_t child = fork();
    if (child == 0) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        rig.path.copy(address.sun_path, sizeof address.sun_path - 1);
        const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
        if (setuid(65534) != 0 ||
            connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
            _exit(2);
        }
        std::array<char, 512> answer{};
        const ssize_t count = recv(socket, answer.data(), answer.size() - 1, 0);
        _exit(count > 0 && std::string(answer.data()).find("only the user") != std::string::npos ? 0 : 1);
    }
    int ended = 0;
    BOOST_TEST_REQUIRE(waitpid(child, &ended, 0) == child);
    BOOST_TEST(ended == 0);
}

BOOST_AUTO_TEST_CASE(a_dead_socket_is_replaced_and_nothing_else_is) {
    const cardrig::test::TemporaryFolder folder;
    const std::string path = folder.file("control");
    leave_dead_socket(path);
    {
        const ControlSocket socket(path);
        BOOST_CHECK_THROW(ControlSocket{path}, RequestError);
        BOOST_TEST(std::filesystem::exists(path));
    }
    BOOST_TEST(!std::filesystem::exists(path));
    std::ofstream(path) << "a file";
    BOOST_CHECK_THROW(ControlSocket{path}, RequestError);
    BOOST_TEST(std::filesystem::is_regular_file(path));
    BOOST_CHECK_THROW(ControlSocket{folder.file(std::string(200, 'x'))}, RequestError);
    BOOST_CHECK_THROW(ControlSocket{folder.file("missing/control")}, HostError);
}

BOOST_AUTO_TEST_CASE(of_several_who_want_one_place_one_has_it) {
    const cardrig::test::TemporaryFolder folder;
    const std::string path = folder.file("control");
    for (int round = 0; round < 200; ++round) {
        if (round % 2 == 0) {
            leave_dead_socket(path);
        }
        std::vector<std::future<std::unique_ptr<ControlSocket>>> all;
        std::latch at_once(4);
        for (int i = 0; i < 4; ++i) {
            all.push_back(std::async(std::launch::async, [&]() -> std::unique_ptr<ControlSocket> {
                at_once.arrive_and_wait();
                try {
                    return std::make_unique<ControlSocket>(path);
                } catch (const RequestError&) {
                    return nullptr;
                }
            }));
        }
        std::vector<std::unique_ptr<ControlSocket>> made;
        for (auto& one : all) {
            made.push_back(one.get());
        }
        BOOST_TEST(std::ranges::count_if(made, [](const auto& one) { return one != nullptr; }) == 1);
        BOOST_TEST_REQUIRE(std::filesystem::exists(path));
        BOOST_CHECK_NO_THROW(static_cast<void>(connect_to_control(path)));
    }
    BOOST_TEST(std::filesystem::is_empty(folder.path()));
}

BOOST_AUTO_TEST_CASE(a_socket_has_the_longest_name_that_one_can_have) {
    const cardrig::test::TemporaryFolder folder;
    const std::string path = folder.file("").append(107 - folder.file("").size(), 'x');
    const ControlSocket socket(path);
    BOOST_TEST(connect_to_control(path).get() >= 0);
}

BOOST_AUTO_TEST_CASE(a_socket_that_took_its_place_is_left_alone) {
    const cardrig::test::TemporaryFolder folder;
    const std::string path = folder.file("control");
    auto first = std::make_unique<ControlSocket>(path);
    std::filesystem::remove(path);
    const ControlSocket second(path);
    first.reset();
    BOOST_TEST(std::filesystem::exists(path));
}

BOOST_AUTO_TEST_CASE(a_client_is_told_where_no_rig_is) {
    const cardrig::test::TemporaryFolder folder;
    BOOST_CHECK_THROW(ControlClient{folder.file("control")}, HostError);
}

BOOST_AUTO_TEST_CASE(a_rig_that_is_about_to_start_is_waited_for) {
    const cardrig::test::TemporaryFolder folder;
    const std::string path = folder.file("control");
    leave_dead_socket(path);
    auto client = std::async(std::launch::async, [&] { return ControlClient(path, 20s).ask({}, 20s); });
    BOOST_TEST((client.wait_for(50ms) == std::future_status::timeout));
    const ControlServer server(path, [](const ControlRequest&, const auto&) { return json{{"ok", true}}; });
    BOOST_TEST(client.get().at("ok") == true);
    BOOST_CHECK_THROW(static_cast<void>(ControlClient(folder.file("missing/control"), 20s)), HostError);
    BOOST_CHECK_THROW(static_cast<void>(ControlClient(folder.file("nobody"), 20ms)), HostError);
}

BOOST_AUTO_TEST_CASE(a_client_hears_the_end_of_the_rig) {
    Fixture rig;
    ControlClient client(rig.path);
    BOOST_TEST(client.ask({}, 20s).at("ok") == true);
    rig.server.reset();
    BOOST_CHECK_THROW(static_cast<void>(client.ask({}, 20s)), HostError);
}

BOOST_AUTO_TEST_SUITE_END()
