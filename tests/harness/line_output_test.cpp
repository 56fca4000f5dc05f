#include "harness/serve/line_output.h"

#include "harness/rig/unique_fd.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <string>
#include <vector>

#include <fcntl.h>
#include <poll.h>

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

namespace {

using namespace cardrig::harness;
using namespace std::chrono_literals;

constexpr auto limit = 20s;

struct Pipe {
    Pipe() {
        std::array<int, 2> ends{};
        BOOST_REQUIRE(pipe2(ends.data(), O_CLOEXEC) == 0);
        out.reset(ends[0]);
        in.reset(ends[1]);
    }

    /// All lines until the last writer is gone.
    [[nodiscard]] std::vector<std::string> lines() {
        in.reset();
        std::string text;
        std::array<char, 65536> buffer{};
        while (true) {
            pollfd wait{out.get(), POLLIN, 0};
            BOOST_REQUIRE_MESSAGE(poll(&wait, 1, 20'000) > 0, "the pipe's other end stays open");
            const ssize_t count = read(out.get(), buffer.data(), buffer.size());
            if (count <= 0) {
                break;
            }
            text.append(buffer.data(), static_cast<std::size_t>(count));
        }
        BOOST_TEST((text.empty() || text.back() == '\n'));
        std::vector<std::string> found;
        for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
            found.push_back(text.substr(at, text.find('\n', at) - at));
        }
        return found;
    }

    UniqueFd out;
    UniqueFd in;
};

} // namespace

BOOST_AUTO_TEST_SUITE(line_output)

BOOST_AUTO_TEST_CASE(lines_come_in_order_and_whole) {
    Pipe pipe;
    LineOutput output(pipe.in.get());
    std::vector<std::string> expected;
    for (int i = 0; i < 1000; ++i) {
        expected.push_back(fmt::format("line {}", i));
        output.add(expected.back());
    }
    BOOST_TEST(output.finish(limit) == 0U);
    BOOST_TEST((pipe.lines() == expected));
}

BOOST_AUTO_TEST_CASE(nobody_who_adds_a_line_waits_for_a_reader_that_has_stopped) {
    Pipe pipe;
    LineOutputOptions options;
    options.most_bytes = 10'000;
    options.gap = [](std::uint64_t lost) { return fmt::format("{} lost", lost); };
    LineOutput output(pipe.in.get(), std::move(options));
    // More than the pipe and the queue hold together: it comes to an end only if it does not wait.
    constexpr std::size_t added = 4000;
    for (std::size_t i = 0; i < added; ++i) {
        output.add(fmt::format("{:099}", i));
    }
    // What the reader then reads frees the thread.
    std::vector<std::string> lines;
    std::uint64_t lost = 0;
    pipe.in.reset();
    std::thread reader([&] { lines = pipe.lines(); });
    lost = output.finish(limit);
    reader.join();
    BOOST_TEST(lost > 0U);
    // Each line is the next one, or tells how many are missing before the next one.
    std::uint64_t next = 0;
    std::uint64_t gaps = 0;
    for (const std::string& line : lines) {
        if (line.ends_with(" lost")) {
            gaps += std::stoull(line);
            next += std::stoull(line);
        } else {
            BOOST_TEST(line == fmt::format("{:099}", next));
            ++next;
        }
    }
    BOOST_TEST(next == added);
    BOOST_TEST(gaps == lost);
}

BOOST_AUTO_TEST_CASE(the_end_does_not_wait_for_a_reader_that_has_stopped) {
    Pipe pipe;
    LineOutput output(pipe.in.get());
    for (std::size_t i = 0; i < 4000; ++i) {
        output.add(fmt::format("{:099}", i));
    }
    BOOST_TEST(output.finish(0ms) > 0U); // 64 KiB of them fit into the pipe
    pipe.in.reset();
}

BOOST_AUTO_TEST_CASE(a_reader_that_is_gone_is_told_once) {
    Pipe pipe;
    pipe.out.reset();
    std::atomic<int> told = 0;
    std::atomic<int> error = 0;
    LineOutputOptions options;
    options.failed = [&](int number) {
        error = number;
        told += 1;
        told.notify_all();
    };
    LineOutput output(pipe.in.get(), std::move(options));
    output.add("first");
    told.wait(0);
    output.add("second");
    output.add("third");
    BOOST_TEST(output.finish(limit) == 2U);
    BOOST_TEST(told.load() == 1);
    BOOST_TEST(error.load() == EPIPE);
}

BOOST_AUTO_TEST_SUITE_END()
