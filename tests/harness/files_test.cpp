#include "harness/files.h"

#include "harness/errors.h"
#include "tests/harness/temporary_folder.h"

#include <filesystem>
#include <functional>
#include <string>

#include <csignal>
#include <sys/resource.h>
#include <sys/stat.h>

#include <boost/test/unit_test.hpp>

using cardrig::apdu::Bytes;
using cardrig::harness::read_file;
using cardrig::harness::RequestError;
using cardrig::harness::write_file;
using cardrig::tests::TemporaryFolder;

namespace {

std::string refusal(const std::function<void()>& action) {
    try {
        action();
    } catch (const RequestError& error) {
        return error.what();
    }
    return "";
}

std::string text_of(const std::string& path) {
    const Bytes bytes = read_file(path);
    return {bytes.begin(), bytes.end()};
}

std::size_t entries_in(const std::string& folder) {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder), {}));
}

/// Files of this process cannot grow beyond some bytes for a while: a disk that is full.
class FullDisk {
public:
    explicit FullDisk(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
        ::getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit less{bytes, before_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &less);
    }
    FullDisk(const FullDisk&) = delete;
    FullDisk& operator=(const FullDisk&) = delete;
    ~FullDisk() {
        ::setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, handler_);
    }

private:
    void (*handler_)(int);
    rlimit before_{};
};

} // namespace

BOOST_AUTO_TEST_SUITE(files)

BOOST_AUTO_TEST_CASE(what_is_written_is_read) {
    const TemporaryFolder folder;
    Bytes bytes(200'000);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<std::uint8_t>(i * 7);
    }
    write_file(folder.file("a"), bytes);
    BOOST_CHECK(read_file(folder.file("a")) == bytes);
    write_file(folder.file("a"), std::string_view{});
    BOOST_TEST(read_file(folder.file("a")).empty());
    BOOST_TEST(entries_in(folder.path()) == 1U);
}

BOOST_AUTO_TEST_CASE(a_written_file_is_private) {
    const TemporaryFolder folder;
    write_file(folder.file("a"), "x");
    struct stat status = {};
    BOOST_REQUIRE(::stat(folder.file("a").c_str(), &status) == 0);
    BOOST_TEST((status.st_mode & 0777U) == 0600U);
}

BOOST_AUTO_TEST_CASE(the_old_file_stays_whole_when_writing_fails) {
    const TemporaryFolder folder;
    write_file(folder.file("a"), "the old one");
    std::string message;
    {
        const FullDisk full(10'000);
        message = refusal([&] { write_file(folder.file("a"), Bytes(20'000, 'n')); });
    }
    BOOST_TEST(message == "cannot write " + folder.file("a") + ": File too large");
    BOOST_TEST(text_of(folder.file("a")) == "the old one");
    BOOST_TEST(entries_in(folder.path()) == 1U); // no half-written one beside it
}

BOOST_AUTO_TEST_CASE(reasons_are_told) {
    const TemporaryFolder folder;
    BOOST_TEST(refusal([&] { static_cast<void>(read_file(folder.file("none"))); }) ==
               "cannot read " + folder.file("none") + ": No such file or directory");
    BOOST_TEST(refusal([&] { static_cast<void>(read_file(folder.path())); }) ==
               "cannot read " + folder.path() + ": Is a directory");
    BOOST_TEST(refusal([&] { write_file(folder.path(), "x"); }) ==
               "cannot write " + folder.path() + ": it is a folder");
    BOOST_TEST(refusal([&] { write_file(folder.file("no/a"), "x"); }) ==
               "cannot write " + folder.file("no/a") + ": No such file or directory");
    BOOST_TEST(refusal([] { write_file("/dev/full", "x"); }) ==
               "cannot write /dev/full: No space left on device");
    BOOST_TEST(refusal([] { static_cast<void>(read_file("/dev/zero")); }).ends_with("more than 256 MiB"));
}

BOOST_AUTO_TEST_CASE(a_symbolic_link_stays_one) {
    const TemporaryFolder folder;
    write_file(folder.file("a"), "old");
    std::filesystem::create_symlink(folder.file("a"), folder.file("link"));
    write_file(folder.file("link"), "new");
    BOOST_TEST(std::filesystem::is_symlink(folder.file("link")));
    BOOST_TEST(text_of(folder.file("a")) == "new");
}

BOOST_AUTO_TEST_SUITE_END()
