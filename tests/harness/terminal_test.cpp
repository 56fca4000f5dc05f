// Clients that the rig runs on a terminal of their own, or on pipes that somebody speaks through.
#include "harness/rig.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace cardrig::harness;
using namespace std::chrono_literals;

namespace {

/// Types one line after the other, each when the client has printed its question and waits.
struct Speaker {
    Rig rig{std::vector<RigReaderPlan>{RigReaderPlan{}}};
    std::string output;
    ClientResult result;

    void run(ClientTalk talk, std::vector<std::string> argv,
             const std::vector<std::pair<std::string, std::string>>& answers = {}) {
        std::size_t asked = 0;
        std::size_t from = 0;
        ClientCommand command;
        command.argv = std::move(argv);
        command.talk = talk;
        command.limit = 60s;
        std::vector<std::thread> typing;
        command.on_output = [&](std::string_view chunk) {
            output += chunk;
            if (asked < answers.size() && output.find(answers[asked].first, from) != std::string::npos) {
                from = output.size();
                typing.emplace_back([&, line = answers[asked].second] {
                    const auto until = std::chrono::steady_clock::now() + 10s;
                    while (!rig.client_waits() && std::chrono::steady_clock::now() < until) {
                        std::this_thread::yield();
                    }
                    rig.type_to_client(line);
                });
                ++asked;
            }
        };
        result = rig.run(command);
        for (std::thread& thread : typing) {
            thread.join();
        }
        BOOST_TEST_MESSAGE(output);
        BOOST_TEST(asked == answers.size());
    }
    [[nodiscard]] bool printed(std::string_view text) const { return output.find(text) != std::string::npos; }
};

std::vector<std::string> script(const char* text) {
    return {"/usr/bin/python3", "-c", text};
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(terminal, Speaker)

BOOST_AUTO_TEST_CASE(a_client_on_a_terminal_has_one) {
    run(ClientTalk::terminal,
        {"/bin/sh", "-c", "test -t 0 && test -t 1 && test -t 2 && tty >/dev/tty; stty size; echo 1 >&2"});
    BOOST_TEST(printed("/dev/pts/"));
    BOOST_TEST(printed("24 80"));
    BOOST_TEST(result.exit_status.value_or(-1) == 0);
    BOOST_TEST(!result.left_processes);
}

BOOST_AUTO_TEST_CASE(a_client_on_pipes_has_none) {
    run(ClientTalk::pipe,
        {"/bin/sh", "-c", "test -t 0 || test -t 1 || (true </dev/tty) 2>/dev/null || echo no terminal"});
    BOOST_TEST(printed("no terminal"));
}

BOOST_AUTO_TEST_CASE(lines_are_typed_through_a_pipe) {
    run(ClientTalk::pipe,
        {"/bin/sh", "-c",
         "printf 'Name: '; read name; echo \"Hello $name\"; printf 'Why: '; read why; echo \"Since $why\""},
        {{"Name: ", "Anna"}, {"Why: ", "it rains"}});
    BOOST_TEST(output == "Name: Hello Anna\nWhy: Since it rains\n");
}

BOOST_AUTO_TEST_CASE(what_is_typed_is_not_echoed_but_for_its_end) {
    run(ClientTalk::terminal,
        {"/bin/sh", "-c", "printf 'Passcode: '; read code; test \"$code\" = 123456 && echo right"},
        {{"Passcode: ", "123456"}});
    BOOST_TEST(output == "Passcode: \r\nright\r\n");
}

BOOST_AUTO_TEST_CASE(getpass_asks_on_the_terminal) {
    run(ClientTalk::terminal,
        script("import getpass\ncode = getpass.getpass('Passcode: ')\nprint('right' if code == '123456' else "
               "repr(code))\n"),
        {{"Passcode: ", "123456"}});
    BOOST_TEST(printed("right"));
    BOOST_TEST(!printed("123456"));
}

/// As some libraries do: the question first, and then what was typed until now is thrown away with the echo.
BOOST_AUTO_TEST_CASE(a_client_that_throws_away_what_was_typed_too_early_gets_the_line) {
    run(ClientTalk::terminal,
        script("import sys, termios, time\n"
               "print('Passcode: ', end='', flush=True)\n"
               "end = time.monotonic() + 0.1\n"
               "while time.monotonic() < end: pass\n"
               "mode = termios.tcgetattr(0)\n"
               "mode[3] &= ~termios.ECHO\n"
               "termios.tcsetattr(0, termios.TCSAFLUSH, mode)\n"
               "print('right' if sys.stdin.readline() == '123456\\n' else 'wrong')\n"),
        {{"Passcode: ", "123456"}});
    BOOST_TEST(printed("right"));
}

BOOST_AUTO_TEST_CASE(readline_gets_a_line) {
    run(ClientTalk::terminal, {"/bin/bash", "-c", "read -e -p 'Name: ' name; echo \"Hello $name\""},
        {{"Name: ", "Anna"}});
    BOOST_TEST(printed("Hello Anna"));
}

BOOST_AUTO_TEST_CASE(an_interrupt_is_typed_as_a_key) {
    run(ClientTalk::terminal, {"/bin/bash", "-c", "printf 'Passcode: '; read code; echo read"},
        {{"Passcode: ", "\x03"}});
    BOOST_TEST(!printed("read"));
    BOOST_TEST(result.signal == SIGINT);
}

BOOST_AUTO_TEST_CASE(a_client_that_nobody_answers_is_ended_by_its_limit) {
    ClientCommand command;
    command.argv = {"/bin/sh", "-c", "printf 'Passcode: '; read code; echo read"};
    command.talk = ClientTalk::terminal;
    command.limit = 300ms;
    const ClientResult ended = rig.run(command);
    BOOST_TEST(ended.timed_out);
}

BOOST_AUTO_TEST_CASE(a_client_without_its_streams_still_has_its_terminal) {
    run(ClientTalk::terminal,
        {"/bin/bash", "-c",
         "exec >/dev/null 2>&1 </dev/null; sleep 0.2; exec 3<>/dev/tty; printf 'Passcode: ' >&3; read code "
         "<&3; "
         "echo \"got $code\" >&3"},
        {{"Passcode: ", "123456"}});
    BOOST_TEST(printed("got 123456"));
    BOOST_TEST((result.exit_status == 0));
}

/// One that sleeps for a moment before it reads, and throws away what was typed until then.
BOOST_AUTO_TEST_CASE(a_client_that_sleeps_does_not_read_yet) {
    run(ClientTalk::terminal,
        {"/usr/bin/python3", "-c",
         "import sys, termios, time\n"
         "print('Passcode: ', end='', flush=True)\n"
         "time.sleep(0.05)\n"
         "termios.tcflush(0, termios.TCIFLUSH)\n"
         "print('got', sys.stdin.readline())"},
        {{"Passcode: ", "123456"}});
    BOOST_TEST(printed("got 123456"));
}

BOOST_AUTO_TEST_CASE(a_client_that_reads_is_seen_to_beside_what_else_it_does) {
    const auto begin = std::chrono::steady_clock::now();
    run(ClientTalk::terminal,
        {"/bin/bash", "-c",
         "(while :; do :; done) & printf 'Passcode: '; read code; kill $!; echo \"got $code\""},
        {{"Passcode: ", "123456"}});
    BOOST_TEST(printed("got 123456"));
    BOOST_CHECK(std::chrono::steady_clock::now() - begin < 9s); // what the test would wait for it to sleep
}

/// With its other thread awake, so that nothing but the call itself shows it.
BOOST_AUTO_TEST_CASE(a_client_that_waits_before_it_reads_is_seen_to) {
    for (const std::string wait :
         {"p = select.poll(); p.register(9, select.POLLIN); p.register(0, select.POLLIN); p.poll()",
          "select.select([9, 0], [], [])", "select.select([9, 0], [], [], 30)",
          "e = select.epoll(); e.register(9, select.EPOLLIN); e.register(0, select.EPOLLIN); e.poll()"}) {
        BOOST_TEST_INFO_SCOPE(wait);
        output.clear();
        const auto begin = std::chrono::steady_clock::now();
        run(ClientTalk::terminal,
            script(("import os, select, sys, threading\n"
                    "os.dup2(os.pipe()[0], 9)\n"
                    "def spin():\n"
                    "    while True: pass\n"
                    "threading.Thread(target=spin, daemon=True).start()\n"
                    "print('Passcode: ', end='', flush=True)\n" +
                    wait + "\nprint('got', os.read(0, 100), flush=True)\nos._exit(0)")
                       .c_str()),
            {{"Passcode: ", "123456"}});
        BOOST_TEST(printed("got b'123456\\n'"));
        BOOST_CHECK(std::chrono::steady_clock::now() - begin < 9s);
    }
}

/// One that waits for something else, and throws away what was typed until then.
BOOST_AUTO_TEST_CASE(a_client_that_waits_for_something_else_does_not_read_yet) {
    run(ClientTalk::terminal,
        script("import os, select, sys, termios\n"
               "os.dup2(os.pipe()[0], 9)\n"
               "print('Passcode: ', end='', flush=True)\n"
               "p = select.poll()\n"
               "p.register(9, select.POLLIN)\n"
               "p.register(0, 0)\n"
               "p.poll(25)\n"
               "select.select([9], [], [], 0.025)\n"
               "termios.tcflush(0, termios.TCIFLUSH)\n"
               "print('got', sys.stdin.readline())"),
        {{"Passcode: ", "123456"}});
    BOOST_TEST(printed("got 123456"));
}

BOOST_AUTO_TEST_CASE(what_is_typed_to_nobody_is_gone) {
    run(ClientTalk::pipe, {"/bin/sh", "-c", "exec <&-; echo closed; read line 2>/dev/null; echo went on"},
        {{"closed", "line"}});
    BOOST_TEST(printed("went on"));
    rig.type_to_client("nobody");
    BOOST_TEST(!rig.client_waits());
}

/// More than a terminal holds at a time.
BOOST_AUTO_TEST_CASE(a_client_that_prints_much_is_read_to_its_end) {
    run(ClientTalk::terminal, {"/bin/sh", "-c", "seq 1 200000; echo end"});
    BOOST_TEST(printed("\r\n200000\r\nend\r\n"));
}

/// What a client's write() has handed over is there, before anything that the client does next: on a
/// terminal, too, where the kernel hands it over by a thread of its own.
BOOST_AUTO_TEST_CASE(all_that_was_written_is_there_when_it_is_drained) {
    for (const ClientTalk talk : {ClientTalk::pipe, ClientTalk::terminal}) {
        // Each line is written, then its number is put into a file: what the file says was written is there.
        // Now and then the client waits until it was looked at once more, however busy the host is.
        const std::string file = rig.folder() + "/written";
        const std::string looks = rig.folder() + "/looks";
        std::ofstream(looks) << 0;
        const std::string program =
            "import os\n"
            "out = os.open('" +
            file +
            "', os.O_RDWR | os.O_CREAT, 0o600)\n"
            "looks = os.open('" +
            looks +
            "', os.O_RDONLY)\n"
            "for n in range(1, 5001):\n"
            "    os.write(1, b'line %d\\n' % n)\n"
            "    os.pwrite(out, b'%05d' % n, 0)\n"
            "    while n % 200 == 0 and n < 5000 and int(os.pread(looks, 9, 0) or b'0') < n // 200:\n"
            "        pass\n";
        std::atomic<std::size_t> lines = 0;
        ClientCommand command;
        command.argv = {"/usr/bin/python3", "-c", program};
        command.talk = talk;
        command.limit = 60s;
        command.on_output = [&lines](std::string_view chunk) {
            lines += static_cast<std::size_t>(std::count(chunk.begin(), chunk.end(), '\n'));
        };
        std::atomic<bool> over = false;
        std::size_t looked = 0;
        std::size_t late = 0;
        std::thread watcher([&] {
            while (!over) {
                std::ifstream written(file);
                std::size_t said = 0;
                written >> said;
                rig.drain_client();
                late += lines < said ? 1 : 0;
                if (said > 0 && said < 5000) {
                    std::ofstream(looks) << ++looked;
                }
            }
        });
        result = rig.run(command);
        over = true;
        watcher.join();
        BOOST_TEST(result.exit_status.value_or(-1) == 0);
        BOOST_TEST(lines == 5000U);
        BOOST_TEST_MESSAGE("looked " << looked << " times");
        BOOST_TEST(looked >= 24U);
        BOOST_TEST(late == 0U);
        std::filesystem::remove(file);
    }
}

BOOST_AUTO_TEST_SUITE_END()
