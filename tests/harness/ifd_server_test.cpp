// The socket between the driver and the rig: who is let in, and what happens when one of them is gone.
#include "harness/errors.h"
#include "harness/ifd/packet_socket.h"
#include "harness/ifd/packets.h"
#include "harness/rig/unique_fd.h"
#include "tests/harness/ifd_driver.h"

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>

#include <dlfcn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <boost/test/unit_test.hpp>

namespace {

using namespace cardrig::harness;
using cardrig::harness::testing::ample;
using cardrig::harness::testing::DriverReader;
using cardrig::harness::testing::DriverRig;
using cardrig::harness::testing::PollingThread;
using cardrig::harness::testing::ScriptedCard;
using cardrig::tests::TemporaryFolder;

/// A connection as anybody can make one.
struct Stranger {
    explicit Stranger(const std::string& path) : socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)) {
        const auto address = ifd::socket_address(path);
        constexpr timeval limit{20, 0};
        setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        BOOST_REQUIRE(connect(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) ==
                      0);
    }
    void send(ByteView packet) const {
        BOOST_REQUIRE(ifd::send_packet(socket.get(), packet, {}, ifd::Waiting::yes));
    }
    /// Whether the server closes the connection without a word.
    [[nodiscard]] bool is_refused() const {
        std::uint8_t byte = 0;
        const ssize_t count = recv(socket.get(), &byte, 1, 0);
        return count == 0 || (count < 0 && errno == ECONNRESET);
    }
    [[nodiscard]] bool is_welcome() const {
        std::array<std::uint8_t, 16> buffer{};
        const auto packet = ifd::receive_packet(socket.get(), buffer, ifd::Waiting::yes);
        return packet && ifd::Transition::parse(*packet);
    }
    UniqueFd socket;
};

/// While it lives, this process cannot open anything.
class NoMoreDescriptors {
public:
    NoMoreDescriptors() {
        BOOST_REQUIRE(getrlimit(RLIMIT_NOFILE, &before_) == 0);
        const UniqueFd next(dup(STDIN_FILENO)); // the lowest that is free
        BOOST_REQUIRE(static_cast<bool>(next));
        const rlimit none{static_cast<rlim_t>(next.get()), before_.rlim_max};
        BOOST_REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
    }
    NoMoreDescriptors(const NoMoreDescriptors&) = delete;
    NoMoreDescriptors& operator=(const NoMoreDescriptors&) = delete;
    ~NoMoreDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

private:
    rlimit before_{};
};

std::string library_that_is_no_driver() {
    Dl_info found{};
    BOOST_REQUIRE(dladdr(reinterpret_cast<const void*>(&std::getenv), &found) != 0);
    return std::filesystem::canonical(found.dli_fname);
}

double processor_seconds() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

} // namespace

BOOST_AUTO_TEST_SUITE(ifd_server)

BOOST_AUTO_TEST_CASE(sixteen_readers_have_their_own_cards) {
    std::array<ScriptedCard, most_rig_readers> cards;
    for (std::size_t i = 0; i < cards.size(); ++i) {
        cards[i].answer = [i](ByteView) { return Bytes{static_cast<std::uint8_t>(i)}; };
    }
    const DriverRig rig(cards.size(), [&](ReaderServer& server) {
        for (std::size_t i = 0; i < cards.size(); ++i) {
            server.reader(i).insert(cards[i]);
        }
    });
    for (std::size_t i = 0; i < cards.size(); ++i) {
        BOOST_TEST(rig.driver(i).transmit({0}).data == Bytes{static_cast<std::uint8_t>(i)});
    }
    DriverReader beyond(rig.socket, cards.size());
    BOOST_TEST(beyond.opened() == IFD_COMMUNICATION_ERROR);
}

BOOST_AUTO_TEST_CASE(a_driver_without_a_rig_opens_nothing) {
    const TemporaryFolder folder;
    BOOST_TEST(DriverReader(folder.file("nothing"), 0).opened() == IFD_COMMUNICATION_ERROR);
    std::ofstream(folder.file("file")) << "no socket";
    BOOST_TEST(DriverReader(folder.file("file"), 0).opened() == IFD_COMMUNICATION_ERROR);
    BOOST_TEST(DriverReader(folder.file("x") + std::string(200, 'x'), 0).opened() == IFD_COMMUNICATION_ERROR);
    const DriverReader none(folder.file("nothing"), 0);
    BOOST_TEST(none.presence() == IFD_COMMUNICATION_ERROR);
    BOOST_TEST(none.transmit({0}).code == IFD_COMMUNICATION_ERROR);
}

BOOST_AUTO_TEST_CASE(when_the_rig_is_gone_all_fails_at_once_and_nothing_spins) {
    ScriptedCard card;
    DriverRig rig(1, [&](ReaderServer& server) { server.reader(0).insert(card); });
    {
        const PollingThread pcscd(rig.driver());
        rig.settle();
    }
    rig.server.reset();
    BOOST_TEST(rig.driver().transmit({0}).code == IFD_COMMUNICATION_ERROR);
    BOOST_TEST(rig.driver().power(IFD_POWER_UP).code == IFD_COMMUNICATION_ERROR);
    BOOST_TEST(rig.driver().presence() == IFD_COMMUNICATION_ERROR);
    // As pcscd's polling thread: told of it once, it then waits as long as it was asked to.
    int waits = 0;
    do {
        BOOST_REQUIRE(++waits <= 2); // the first may be the wakeup that ended the thread
        BOOST_TEST(rig.driver().wait(600'000) == IFD_SUCCESS);
    } while (rig.driver().presence() != IFD_COMMUNICATION_ERROR);
    const double used = processor_seconds();
    const auto begin = std::chrono::steady_clock::now();
    BOOST_TEST(rig.driver().wait(200) == IFD_SUCCESS);
    BOOST_TEST((std::chrono::steady_clock::now() - begin >= std::chrono::milliseconds(200)));
    BOOST_TEST(processor_seconds() - used < 0.1);
}

BOOST_AUTO_TEST_CASE(a_daemon_that_is_gone_settles_nothing_and_takes_the_cards_power) {
    ScriptedCard card;
    DriverRig rig(1, [&](ReaderServer& server) { server.reader(0).insert(card); });
    {
        const PollingThread pcscd(rig.driver());
        rig.settle();
    }
    rig.drivers.front()->close();
    rig.reader().remove();
    const auto deadline = std::chrono::steady_clock::now() + ample;
    const auto in_time = [deadline] {
        if (std::chrono::steady_clock::now() > deadline) {
            throw std::runtime_error("it still waits");
        }
    };
    BOOST_CHECK_THROW(static_cast<void>(rig.reader().settle(std::chrono::hours(24), in_time)), HostError);
    rig.server.reset();
    BOOST_TEST(card.log == "on off ");
}

BOOST_AUTO_TEST_CASE(a_daemon_that_comes_again_finds_the_reader_as_it_is) {
    ScriptedCard card;
    DriverRig rig(1);
    rig.drivers.clear();
    // Until the rig has noticed that the first one is gone it refuses another.
    std::unique_ptr<DriverReader> again;
    const auto deadline = std::chrono::steady_clock::now() + ample;
    do {
        BOOST_REQUIRE(std::chrono::steady_clock::now() < deadline);
        rig.reader().insert(card);
        again.reset(); // which closes the reader of that number
        again = std::make_unique<DriverReader>(rig.socket, 0);
    } while (again->opened() != IFD_SUCCESS);
    BOOST_TEST(again->presence() == IFD_ICC_PRESENT);
    BOOST_TEST(again->transmit({7}).data == Bytes{7});
}

BOOST_AUTO_TEST_CASE(closing_a_channel_ends_what_waits_in_it) {
    ScriptedCard card;
    std::promise<void> running;
    std::promise<void> finish;
    card.answer = [&](ByteView) -> Answer {
        running.set_value();
        finish.get_future().wait();
        return Bytes{0x90, 0x00};
    };
    DriverRig rig(1, [&](ReaderServer& server) { server.reader(0).insert(card); });
    auto transmit = std::async(std::launch::async, [&] { return rig.driver().transmit({0}).code; });
    running.get_future().wait();
    rig.drivers.front()->close();
    BOOST_REQUIRE((transmit.wait_for(ample) == std::future_status::ready));
    BOOST_TEST(transmit.get() == IFD_COMMUNICATION_ERROR);
    finish.set_value();
}

BOOST_AUTO_TEST_CASE(the_socket_is_for_its_owner_alone) {
    const TemporaryFolder folder;
    ReaderServer server(folder.file("ifd"), 1);
    struct stat status {};
    BOOST_REQUIRE(stat(folder.file("ifd").c_str(), &status) == 0);
    BOOST_TEST((status.st_mode & 0777U) == 0600U);
}

BOOST_AUTO_TEST_CASE(another_user_is_not_let_in_even_where_the_socket_is_open_to_all) {
    if (geteuid() != 0) {
        BOOST_TEST_MESSAGE("only root can be another user, too");
        return;
    }
    const TemporaryFolder folder;
    ReaderServer server(folder.file("ifd"), 1);
    chmod(folder.path().c_str(), 0711);
    chmod(folder.file("ifd").c_str(), 0666);
    server.start();
    const auto address = ifd::socket_address(folder.file("ifd"));
    const auto hello = ifd::Hello{ifd::Line::events, 0}.bytes();
    const pid_t child = fork();
    if (child == 0) { // system calls alone: the parent has threads
        const int socket = ::socket(AF_UNIX, SOCK_SEQPACKET, 0);
        std::uint8_t byte = 0;
        if (setuid(65534) != 0 ||
            connect(socket, reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
            _exit(2);
        }
        static_cast<void>(!send(socket, hello.data(), hello.size(), MSG_NOSIGNAL));
        _exit(recv(socket, &byte, 1, 0) > 0 ? 1 : 0);
    }
    int status = 0;
    BOOST_REQUIRE(waitpid(child, &status, 0) == child);
    BOOST_TEST(WIFEXITED(status));
    BOOST_TEST(WEXITSTATUS(status) == 0);
}

BOOST_AUTO_TEST_CASE(what_is_no_hello_is_refused) {
    const DriverRig rig(1);
    const auto good = ifd::Hello{ifd::Line::events, 0}.bytes();
    std::vector<Bytes> bad{{0}, Bytes(5, 0), Bytes(100, 'C'), Bytes(60'000, 0)};
    for (std::size_t i = 0; i < good.size(); ++i) {
        bad.emplace_back(good.begin(), good.end());
        bad.back()[i] = 0x77;
    }
    bad.emplace_back(good.begin(), good.end()); // one line for events is there
    for (const Bytes& packet : bad) {
        Stranger stranger(rig.socket);
        stranger.send(packet);
        BOOST_TEST(stranger.is_refused());
    }
    BOOST_TEST(rig.driver().presence() == IFD_ICC_NOT_PRESENT);
}

BOOST_AUTO_TEST_CASE(strangers_that_say_nothing_and_stay_do_not_keep_the_driver_out) {
    ScriptedCard card;
    const TemporaryFolder folder;
    ReaderServer server(folder.file("ifd"), 1);
    server.start();
    std::vector<std::unique_ptr<Stranger>> silent;
    for (int i = 0; i < 200; ++i) {
        silent.push_back(std::make_unique<Stranger>(folder.file("ifd")));
    }
    server.reader(0).insert(card);
    DriverReader driver(folder.file("ifd"), 0);
    BOOST_REQUIRE(driver.opened() == IFD_SUCCESS);
    BOOST_TEST(silent.front()->is_refused()); // the oldest made room
    // More of them do not put the driver out, either.
    for (int i = 0; i < 200; ++i) {
        silent.push_back(std::make_unique<Stranger>(folder.file("ifd")));
    }
    BOOST_TEST(silent[200]->is_refused());
    const PollingThread pcscd(driver);
    BOOST_TEST(server.reader(0).settle(ample, {}));
    BOOST_TEST(driver.transmit({7}).data == Bytes{7});
}

BOOST_AUTO_TEST_CASE(without_free_descriptors_nothing_spins_and_who_waited_is_let_in_later) {
    const TemporaryFolder folder;
    ReaderServer server(folder.file("ifd"), 1);
    server.start();
    const UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    const auto address = ifd::socket_address(folder.file("ifd"));
    const auto hello = ifd::Hello{ifd::Line::events, 0}.bytes();
    std::uint8_t byte = 0;
    ssize_t early = 0;
    double used = 0;
    {
        const NoMoreDescriptors none;
        BOOST_REQUIRE(connect(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) ==
                      0);
        BOOST_REQUIRE(ifd::send_packet(socket.get(), hello, {}, ifd::Waiting::yes));
        constexpr timeval shortly{0, 200'000};
        setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &shortly, sizeof shortly);
        const double before = processor_seconds();
        early = recv(socket.get(), &byte, 1, 0);
        used = processor_seconds() - before;
    }
    BOOST_TEST(early < 0);
    BOOST_TEST(used < 0.1);
    const timeval limit{ample.count(), 0};
    setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    BOOST_TEST(recv(socket.get(), &byte, 1, 0) == 1);
}

BOOST_AUTO_TEST_CASE(a_driver_that_talks_nonsense_is_dropped_and_another_reader_is_not) {
    ScriptedCard card;
    const DriverRig rig(1, [&](ReaderServer& server) { server.reader(0).insert(card); });
    for (const Bytes& nonsense : {Bytes{0}, Bytes{6}, Bytes{1, 2}, Bytes(ifd::most_packet_bytes + 1, 5)}) {
        ReaderServer server(rig.folder.file("other"), 1);
        server.start();
        Stranger commands(rig.folder.file("other"));
        commands.send(ifd::Hello{ifd::Line::commands, 0}.bytes());
        BOOST_TEST(commands.is_welcome());
        commands.send(nonsense);
        BOOST_TEST(commands.is_refused());
        Stranger events(rig.folder.file("other"));
        events.send(ifd::Hello{ifd::Line::events, 0}.bytes());
        BOOST_TEST(events.is_welcome());
        events.send(nonsense);
        BOOST_TEST(events.is_refused());
        BOOST_TEST(rig.driver().transmit({1}).code == IFD_SUCCESS);
    }
}

BOOST_AUTO_TEST_CASE(a_path_that_no_socket_can_have_is_told) {
    BOOST_CHECK_THROW(ReaderServer("/tmp/" + std::string(120, 'x'), 1), HostError);
    BOOST_CHECK_THROW(ReaderServer("/nowhere/ifd", 1), HostError);
}

BOOST_AUTO_TEST_CASE(the_configuration_names_each_reader_and_refuses_what_pcscd_could_not_read) {
    BOOST_TEST(reader_configuration("/lib/driver.so", "/tmp/x/ifd", {"One", "Two & \\three"}) ==
               "FRIENDLYNAME \"One\"\nDEVICENAME /tmp/x/ifd:0\nLIBPATH /lib/driver.so\nCHANNELID 0\n\n"
               "FRIENDLYNAME \"Two & \\three\"\nDEVICENAME /tmp/x/ifd:1\nLIBPATH /lib/driver.so\nCHANNELID "
               "1\n\n");
    for (const std::string& bad :
         {std::string(), std::string("a\"b"), std::string("a\nb"), std::string(122, 'x')}) {
        BOOST_CHECK_THROW(static_cast<void>(reader_configuration("/l", "/s", {bad})), RequestError);
    }
    BOOST_CHECK_THROW(static_cast<void>(reader_configuration("/l", "/a b", {"x"})), RequestError);
    BOOST_TEST(reader_name("One", 0) == "One 00 00");
    BOOST_TEST(reader_name("One", 11) == "One 0B 00");
}

BOOST_AUTO_TEST_CASE(the_driver_is_found_beside_the_program_or_where_the_environment_says) {
    const std::string own = find_driver();
    BOOST_TEST(own.ends_with("/lib/cardrig/libifdcardrig.so"));
    const TemporaryFolder folder;
    std::filesystem::create_symlink(own, folder.file("link.so"));
    setenv("CARDRIG_IFD", folder.file("link.so").c_str(), 1);
    BOOST_TEST(find_driver() == own);
    unsetenv("CARDRIG_IFD");
}

BOOST_AUTO_TEST_CASE(a_driver_that_is_hidden_from_the_private_daemon_is_refused) {
    std::string folder = "/run/driver-test-XXXXXX";
    if (mkdtemp(folder.data()) == nullptr) {
        BOOST_TEST_MESSAGE("only who may write in /run can have one there");
        return;
    }
    const std::string driver = folder + "/driver.so";
    std::filesystem::copy_file(find_driver(), driver);
    setenv("CARDRIG_IFD", driver.c_str(), 1);
    BOOST_CHECK_EXCEPTION(static_cast<void>(find_driver()), HostError, [](const HostError& error) {
        return std::string(error.what()).find("below /run") != std::string::npos;
    });
    unsetenv("CARDRIG_IFD");
    std::filesystem::remove_all(folder);
}

BOOST_AUTO_TEST_CASE(a_driver_that_pcscd_could_not_load_is_refused_and_why) {
    const TemporaryFolder folder;
    std::ofstream(folder.file("text")) << "no library at all";
    const std::array<std::pair<std::string, const char*>, 5> bad{{
        {"/nowhere/driver.so", "No such file"},
        {folder.path(), "is not a file"},
        {folder.file("text"), "cannot be loaded"},
        {"libpthread.so.0", "No such file"}, // which the loader would find, and pcscd's configuration not
        {library_that_is_no_driver(), "no driver for pcscd"},
    }};
    for (const auto& each : bad) {
        const auto& path = each.first; // clang 14 captures no binding
        const auto& why = each.second;
        setenv("CARDRIG_IFD", path.c_str(), 1);
        BOOST_CHECK_EXCEPTION(static_cast<void>(find_driver()), HostError, [&](const HostError& error) {
            const std::string text = error.what();
            BOOST_TEST(text.find(path) != std::string::npos, text);
            BOOST_TEST(text.find("correct it, or unset it") != std::string::npos, text);
            return text.find(why) != std::string::npos;
        });
    }
    unsetenv("CARDRIG_IFD");
}

BOOST_AUTO_TEST_SUITE_END()
