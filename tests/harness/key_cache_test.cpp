#include "harness/key_cache.h"

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <sys/stat.h>
#include <unistd.h>

namespace emulator = cardrig::emulator;
namespace fs = std::filesystem;
using cardrig::apdu::Bytes;
using cardrig::harness::MemoisedKeys;
using emulator::Algorithm;

namespace {

/// A folder that goes with the test.
class TemporaryFolder final {
public:
    TemporaryFolder() {
        std::string name = fs::temp_directory_path() / "cardrig-test-XXXXXX";
        BOOST_REQUIRE(::mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    ~TemporaryFolder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    [[nodiscard]] const fs::path& path() const { return path_; }

private:
    fs::path path_;
};

/// A variable of the environment, for as long as a test takes.
class Variable final {
public:
    Variable(const char* name, const std::optional<std::string>& value) : name_(name) {
        if (const char* before = std::getenv(name)) {
            before_ = before;
        }
        set(value);
    }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;
    ~Variable() { set(before_); }
    void set(const std::optional<std::string>& value) const {
        if (value) {
            ::setenv(name_, value->c_str(), 1);
        } else {
            ::unsetenv(name_);
        }
    }

private:
    const char* name_;
    std::optional<std::string> before_;
};

Bytes key_of(emulator::KeySource& keys, std::uint64_t seed, Algorithm algorithm = Algorithm::rsa1024) {
    emulator::CryptoContext context(seed);
    return keys.generate(context, algorithm).to_der();
}

/// Whether a key is found rather than made: making one draws random numbers.
bool found(emulator::KeySource& keys, std::uint64_t seed) {
    emulator::CryptoContext context(seed);
    (void)keys.generate(context, Algorithm::rsa1024);
    return context.bytes_drawn() == 0;
}

std::vector<fs::path> files_in(const fs::path& folder) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder)) {
        files.push_back(entry.path());
    }
    return files;
}

fs::path only_file_in(const fs::path& folder) {
    const std::vector<fs::path> files = files_in(folder);
    BOOST_REQUIRE(files.size() == 1U);
    return files.front();
}

unsigned mode_of(const fs::path& path) {
    struct stat status {};
    BOOST_REQUIRE(::lstat(path.c_str(), &status) == 0);
    return status.st_mode & 07777U;
}

std::string content_of(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

void overwrite(const fs::path& path, const std::string& content) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

} // namespace

BOOST_AUTO_TEST_SUITE(key_cache)

BOOST_AUTO_TEST_CASE(keys_are_those_of_the_plain_source) {
    emulator::FreshKeys fresh;
    MemoisedKeys memoised(std::nullopt);
    for (const Algorithm algorithm : {Algorithm::rsa1024, Algorithm::p256, Algorithm::p384}) {
        const Bytes expected = key_of(fresh, 5, algorithm);
        BOOST_CHECK(key_of(memoised, 5, algorithm) == expected); // made
        BOOST_CHECK(key_of(memoised, 5, algorithm) == expected); // found
    }
}

BOOST_AUTO_TEST_CASE(keys_are_told_apart_by_seed_number_and_algorithm) {
    MemoisedKeys keys(std::nullopt);
    BOOST_CHECK(key_of(keys, 5) != key_of(keys, 6));
    emulator::CryptoContext context(5);
    const Bytes first = keys.generate(context, Algorithm::rsa1024).to_der();
    BOOST_CHECK(first == key_of(keys, 5));
    BOOST_CHECK(keys.generate(context, Algorithm::rsa1024).to_der() != first);
    BOOST_CHECK(keys.generate(context, Algorithm::p256).algorithm() == Algorithm::p256);
}

BOOST_AUTO_TEST_CASE(a_found_key_leaves_the_context_as_a_made_one_does) {
    MemoisedKeys keys(std::nullopt);
    const auto afterwards = [&keys](bool expect_found) {
        emulator::CryptoContext context(8);
        const emulator::PrivateKey key = keys.generate(context, Algorithm::p256);
        BOOST_TEST((context.bytes_drawn() == 0) == expect_found);
        Bytes result = key.ecdsa_sign(Bytes(32, 0x01)).value();
        Bytes random(16);
        emulator::ContextEntropy(context).fill(random);
        result.insert(result.end(), random.begin(), random.end());
        const Bytes next = keys.generate(context, Algorithm::p384).to_der();
        result.insert(result.end(), next.begin(), next.end());
        BOOST_TEST(context.begin_operation("count") == 5U);
        return result;
    };
    const Bytes after_making = afterwards(false);
    const Bytes after_finding = afterwards(true);
    BOOST_CHECK(after_making == after_finding);
}

BOOST_AUTO_TEST_CASE(unseeded_keys_are_never_kept) {
    const TemporaryFolder folder;
    MemoisedKeys keys(folder.path() / "keys");
    emulator::CryptoContext one;
    emulator::CryptoContext other;
    BOOST_CHECK(keys.generate(one, Algorithm::p256).to_der() !=
                keys.generate(other, Algorithm::p256).to_der());
    BOOST_TEST(!fs::exists(folder.path() / "keys"));
}

BOOST_AUTO_TEST_CASE(keys_are_found_again_in_the_folder) {
    const TemporaryFolder folder;
    const fs::path place = folder.path() / "cache" / "cardrig" / "keys";
    MemoisedKeys first(place);
    const Bytes made = key_of(first, 5);
    BOOST_TEST(mode_of(place) == 0700U);
    BOOST_TEST(mode_of(only_file_in(place)) == 0600U);
    MemoisedKeys second(place);
    BOOST_TEST(found(second, 5));
    BOOST_CHECK(key_of(second, 5) == made);
}

BOOST_AUTO_TEST_CASE(damaged_files_are_made_anew) {
    const TemporaryFolder folder;
    const fs::path place = folder.path() / "keys";
    MemoisedKeys first(place);
    const Bytes made = key_of(first, 5);
    const fs::path file = only_file_in(place);
    const std::string good = content_of(file);
    std::vector<std::string> damaged{"", good.substr(0, good.size() / 2), good + "x",
                                     std::string(100000, 'x')};
    for (const std::size_t at : {std::size_t{0}, std::size_t{20}, good.size() - 300, good.size() - 1}) {
        damaged.push_back(good);
        damaged.back()[at] = static_cast<char>(damaged.back()[at] ^ 0x01);
    }
    for (const std::string& content : damaged) {
        overwrite(file, content);
        MemoisedKeys second(place);
        BOOST_TEST(!found(second, 5));
        BOOST_TEST(content_of(file) == good); // and mended
    }
    overwrite(file, good);
    MemoisedKeys third(place);
    BOOST_TEST(found(third, 5));
    BOOST_CHECK(key_of(third, 5) == made);
}

BOOST_AUTO_TEST_CASE(a_key_under_another_ones_name_is_not_taken) {
    const TemporaryFolder folder;
    MemoisedKeys first(folder.path() / "one");
    MemoisedKeys second(folder.path() / "other");
    (void)key_of(first, 5);
    const Bytes other = key_of(second, 6);
    const fs::path name = only_file_in(folder.path() / "other");
    fs::remove(name);
    fs::copy(only_file_in(folder.path() / "one"), name);
    MemoisedKeys third(folder.path() / "other");
    BOOST_CHECK(key_of(third, 6) == other);
}

BOOST_AUTO_TEST_CASE(files_open_to_others_are_not_trusted) {
    const TemporaryFolder folder;
    const fs::path place = folder.path() / "keys";
    MemoisedKeys first(place);
    (void)key_of(first, 5);
    const fs::path file = only_file_in(place);
    fs::permissions(file, fs::perms::group_write, fs::perm_options::add);
    MemoisedKeys second(place);
    BOOST_TEST(!found(second, 5));
    BOOST_TEST(mode_of(file) == 0600U); // replaced by one of ours

    const fs::path elsewhere = folder.path() / "elsewhere";
    fs::rename(file, elsewhere);
    fs::create_symlink(elsewhere, file);
    MemoisedKeys third(place);
    BOOST_TEST(!found(third, 5));
    BOOST_TEST(!fs::is_symlink(file));

    fs::remove(file);
    BOOST_REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
    MemoisedKeys fourth(place);
    BOOST_TEST(!found(fourth, 5));
}

BOOST_AUTO_TEST_CASE(folders_open_to_others_are_left_alone) {
    const TemporaryFolder folder;
    const fs::path place = folder.path() / "keys";
    fs::create_directory(place);
    fs::permissions(place, fs::perms(0770), fs::perm_options::replace);
    MemoisedKeys keys(place);
    BOOST_TEST(!found(keys, 5));
    BOOST_TEST(found(keys, 5)); // in memory
    BOOST_TEST(files_in(place).empty());

    const fs::path no_folder = folder.path() / "file";
    overwrite(no_folder, "in the way");
    MemoisedKeys blocked(no_folder / "keys");
    BOOST_TEST(!found(blocked, 5));
    BOOST_TEST(found(blocked, 5));
}

BOOST_AUTO_TEST_CASE(foreign_files_are_not_trusted) {
    if (::geteuid() != 0) {
        // Only root can give a file away; anybody else can use one that root owns as the foreign folder.
        MemoisedKeys keys(fs::path("/usr"));
        BOOST_TEST(!found(keys, 5));
        BOOST_TEST(found(keys, 5));
        return;
    }
    const TemporaryFolder folder;
    const fs::path place = folder.path() / "keys";
    MemoisedKeys first(place);
    (void)key_of(first, 5);
    const fs::path file = only_file_in(place);
    BOOST_REQUIRE(::chown(file.c_str(), 65534, 65534) == 0);
    MemoisedKeys second(place);
    BOOST_TEST(!found(second, 5));
    BOOST_REQUIRE(::chown(place.c_str(), 65534, 65534) == 0);
    MemoisedKeys third(place);
    BOOST_TEST(!found(third, 5));
}

BOOST_AUTO_TEST_CASE(folder_follows_the_environment) {
    const TemporaryFolder folder;
    const std::string home = folder.path() / "home";
    const std::string cache = folder.path() / "cache";
    const Variable home_variable("HOME", home);
    const Variable cache_variable("XDG_CACHE_HOME", cache);
    BOOST_CHECK(cardrig::harness::default_key_cache_folder() == fs::path(cache) / "cardrig" / "keys");
    cache_variable.set("relative");
    BOOST_CHECK(cardrig::harness::default_key_cache_folder() == fs::path(home) / ".cache/cardrig/keys");
    cache_variable.set("");
    BOOST_CHECK(cardrig::harness::default_key_cache_folder() == fs::path(home) / ".cache/cardrig/keys");
    cache_variable.set(std::nullopt);
    BOOST_CHECK(cardrig::harness::default_key_cache_folder() == fs::path(home) / ".cache/cardrig/keys");
    home_variable.set(std::nullopt);
    BOOST_CHECK(!cardrig::harness::default_key_cache_folder());
    MemoisedKeys keys; // in memory alone
    BOOST_TEST(!found(keys, 5));
    BOOST_TEST(found(keys, 5));
}

BOOST_AUTO_TEST_CASE(one_source_serves_several_threads) {
    const TemporaryFolder folder;
    MemoisedKeys keys(folder.path() / "keys");
    std::array<Bytes, 4> made;
    {
        std::array<std::thread, 4> threads;
        for (std::size_t i = 0; i < threads.size(); ++i) {
            threads[i] = std::thread([&, i] { made[i] = key_of(keys, 5 + i % 2); });
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
    }
    BOOST_CHECK(made[0] == made[2]);
    BOOST_CHECK(made[1] == made[3]);
    BOOST_CHECK(made[0] != made[1]);
    BOOST_TEST(files_in(folder.path() / "keys").size() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
