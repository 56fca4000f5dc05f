// Runs a fuzz target without libFuzzer: its seeds, then a fixed row of mutations of them, the same every
// time.
//
//     fuzz_NAME SEEDS_FOLDER [ITERATIONS]
//     fuzz_NAME --hex INPUT        one input, to look at a failure
//
// The target runs in a child, which leaves each input in shared memory first: whatever kills the child, the
// parent can show the input that did it.
#include "apdu/bytes.h"
#include "tests/fuzz/property.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using cardrig::apdu::Bytes;
using cardrig::apdu::ByteView;
namespace fs = std::filesystem;

constexpr std::size_t longest_input = 1U << 17U;
constexpr std::size_t default_iterations = 20000;

/// Lies in memory that parent and child share.
struct Shared {
    std::size_t runs;
    std::size_t size;
    std::uint8_t input[longest_input];
};

/// The same numbers on every host: the standard fixes the engine, and no distribution comes in between.
class Dice {
public:
    std::size_t below(std::size_t limit) { return static_cast<std::size_t>(engine_() % limit); }
    std::uint8_t byte() { return static_cast<std::uint8_t>(engine_() & 0xFFU); }

private:
    std::mt19937_64 engine_{20080301};
};

void insert_bytes(Bytes& input, std::size_t at, ByteView bytes) {
    input.insert(input.begin() + static_cast<std::ptrdiff_t>(at), bytes.begin(), bytes.end());
}

bool in_word(std::uint8_t byte) {
    return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') ||
           byte == '-';
}

/// From `at` on, the next run of what words of a text are made of; empty at the end where there is none.
ByteView word_behind(ByteView bytes, std::size_t at) {
    const auto begin = std::find_if(bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.end(), in_word);
    return {begin, std::find_if_not(begin, bytes.end(), in_word)};
}

void swap_word(Bytes& input, std::size_t at, ByteView other) {
    const ByteView old = word_behind(input, at);
    const auto begin = input.begin() + (old.data() - input.data());
    const auto there = input.erase(begin, begin + static_cast<std::ptrdiff_t>(old.size()));
    input.insert(there, other.begin(), other.end());
}

void mutate_once(Bytes& input, const std::vector<Bytes>& seeds, Dice& dice) {
    static constexpr std::uint8_t telling[] = {0x00, 0x01, 0x7F, 0x80, 0x81, 0x82, 0x84, 0xFE, 0xFF};
    const std::size_t at = dice.below(input.size() + 1);
    const std::size_t left = input.size() - at;
    const Bytes& other = seeds[dice.below(seeds.size())];
    switch (dice.below(8)) {
    case 0: // a bit flipped
        if (left > 0) {
            input[at] = static_cast<std::uint8_t>(input[at] ^ 1U << dice.below(8));
        }
        break;
    case 1: // a byte that parsers treat differently
        if (left > 0) {
            input[at] = telling[dice.below(std::size(telling))];
        }
        break;
    case 2: // cut off
        input.resize(at);
        break;
    case 3: // some bytes missing
        input.erase(input.begin() + static_cast<std::ptrdiff_t>(at),
                    input.end() - static_cast<std::ptrdiff_t>(left - dice.below(left + 1)));
        break;
    case 4: // some bytes more
        insert_bytes(input, at, Bytes(1 + dice.below(4), dice.byte()));
        break;
    case 5: // a piece twice
        insert_bytes(input, at, Bytes(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(at)));
        break;
    case 6: // a word of another seed in place of one
        swap_word(input, at, word_behind(other, dice.below(other.size() + 1)));
        break;
    default: // the rest of another seed
        input.resize(at);
        insert_bytes(input, at, ByteView(other).subspan(dice.below(other.size() + 1)));
        break;
    }
    input.resize(std::min(input.size(), longest_input));
}

std::vector<Bytes> read_seed_file(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    if (file.extension() != ".hex") {
        return {Bytes(std::istreambuf_iterator<char>(stream), {})};
    }
    std::vector<Bytes> seeds;
    for (std::string line; std::getline(stream, line);) {
        if (line.starts_with('#')) {
            continue;
        }
        const auto bytes = cardrig::apdu::from_hex(line);
        if (!bytes) {
            throw std::runtime_error(fmt::format("{}: {}", file.string(), bytes.error().message));
        }
        seeds.push_back(*bytes);
    }
    return seeds;
}

/// Always holds the empty input, so that a target without seeds starts from something.
std::vector<Bytes> read_seeds(const fs::path& folder) {
    std::vector<Bytes> seeds{Bytes{}};
    std::vector<fs::path> files;
    if (fs::is_directory(folder)) {
        for (const auto& entry : fs::directory_iterator(folder)) {
            files.push_back(entry.path());
        }
    }
    std::sort(files.begin(), files.end()); // folders have no order of their own
    for (const fs::path& file : files) {
        for (Bytes& seed : read_seed_file(file)) {
            seed.resize(std::min(seed.size(), longest_input));
            seeds.push_back(std::move(seed));
        }
    }
    return seeds;
}

void run_one(const Bytes& input, Shared& shared) {
    std::copy(input.begin(), input.end(), shared.input);
    shared.size = input.size();
    ++shared.runs;
    static_cast<void>(LLVMFuzzerTestOneInput(input.data(), input.size()));
}

void run_all(const std::vector<Bytes>& seeds, std::size_t iterations, Shared& shared) {
    for (const Bytes& seed : seeds) {
        run_one(seed, shared);
    }
    Dice dice;
    for (std::size_t i = 0; i < iterations; ++i) {
        Bytes input = seeds[dice.below(seeds.size())];
        for (std::size_t changes = 1 + dice.below(4); changes > 0; --changes) {
            mutate_once(input, seeds, dice);
        }
        run_one(input, shared);
    }
}

/// In a child, so that a crash is seen and told. True if all runs came back.
bool run_in_child(const std::vector<Bytes>& seeds, std::size_t iterations) {
    void* const memory =
        mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        throw std::runtime_error(fmt::format("no shared memory: {}", std::strerror(errno)));
    }
    auto* const shared = static_cast<Shared*>(memory);
    std::fflush(nullptr);
    const pid_t child = fork();
    if (child < 0) {
        throw std::runtime_error(fmt::format("no child process: {}", std::strerror(errno)));
    }
    if (child == 0) {
        run_all(seeds, iterations, *shared);
        std::exit(0); // not _exit: the sanitizers' leak check runs on the way out
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    const bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (good) {
        fmt::print("{} inputs, {} of them seeds\n", shared->runs, seeds.size());
    } else {
        fmt::print(stderr, "run {} ended badly; again with: --hex {}\n", shared->runs,
                   cardrig::apdu::to_hex(ByteView(shared->input, shared->size)));
    }
    munmap(memory, sizeof(Shared));
    return good;
}

int run(const std::vector<std::string_view>& arguments) {
    if (arguments.size() == 2 && arguments[0] == "--hex") {
        const auto input = cardrig::apdu::from_hex(arguments[1]);
        if (!input) {
            throw std::runtime_error(input.error().message);
        }
        return LLVMFuzzerTestOneInput(input->data(), input->size());
    }
    std::size_t iterations = default_iterations;
    if (arguments.size() == 2) {
        const std::string_view number = arguments[1];
        const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), iterations);
        if (error != std::errc{} || end != number.data() + number.size()) {
            throw std::runtime_error(fmt::format("'{}' is no number of iterations", number));
        }
    } else if (arguments.size() != 1) {
        throw std::runtime_error("usage: SEEDS_FOLDER [ITERATIONS], or --hex INPUT");
    }
    return run_in_child(read_seeds(fs::path(arguments[0])), iterations) ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
    try {
        return run(std::vector<std::string_view>(argv + 1, argv + argc));
    } catch (const std::exception& error) {
        fmt::print(stderr, "{}\n", error.what());
        return 2;
    }
}
