#include "tests/benchmarks/processes.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <spawn.h>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

namespace cardrig::benchmarks {

pid_t start(const std::vector<std::string>& argv, int output) {
    std::vector<char*> words;
    for (const std::string& word : argv) {
        words.push_back(const_cast<char*>(word.c_str()));
    }
    words.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    const std::unique_ptr<posix_spawn_file_actions_t, int (*)(posix_spawn_file_actions_t*)> owner(
        &actions, posix_spawn_file_actions_destroy);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    pid_t process = 0;
    const int error = posix_spawnp(&process, words[0], &actions, nullptr, words.data(), environ);
    if (error != 0) {
        throw std::runtime_error(fmt::format("cannot run {}: {}", argv[0], std::strerror(error)));
    }
    return process;
}

std::string output_of(const std::vector<std::string>& argv) {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) {
        throw std::runtime_error(fmt::format("cannot make a pipe: {}", std::strerror(errno)));
    }
    const pid_t process = start(argv, ends[1]);
    close(ends[1]);
    std::string text;
    std::array<char, 4096> buffer{};
    ssize_t count = 0;
    while ((count = read(ends[0], buffer.data(), buffer.size())) > 0) {
        text.append(buffer.data(), static_cast<std::size_t>(count));
    }
    close(ends[0]);
    int status = 0;
    if (waitpid(process, &status, 0) != process || status != 0) {
        throw std::runtime_error(fmt::format("{} failed (wait status {})", argv[0], status));
    }
    return text;
}

} // namespace cardrig::benchmarks
