#include "harness/rig/terminal_wait.h"

#include "harness/rig/process_tree.h"

#include <algorithm>
#include <array>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <poll.h>
#include <sstream>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <vector>

namespace cardrig::harness {

namespace {

namespace fs = std::filesystem;

/// As many as are looked at; who waits for more at once is not somebody at a terminal.
constexpr std::size_t most_descriptors = 1024;
constexpr std::size_t bits_of_word = sizeof(unsigned long) * CHAR_BIT;

/// The system call that a thread is in.
struct Call {
    long number = -1;
    std::array<std::uint64_t, 3> arguments{};
};

/// "number argument argument ...", or "running": proc(5).
std::optional<Call> call_of(const fs::path& thread) {
    std::ifstream file(thread / "syscall");
    Call call;
    file >> call.number >> std::hex;
    for (std::uint64_t& argument : call.arguments) {
        std::string word;
        file >> word;
        argument = std::strtoull(word.c_str(), nullptr, 16);
    }
    return file ? std::optional(call) : std::nullopt;
}

/// What is at an address of another process; empty where it cannot be read.
template <typename Item>
std::vector<Item> items_of(pid_t process, std::uint64_t address, std::size_t count) {
    std::vector<Item> items(std::min(count, most_descriptors));
    const iovec here{items.data(), items.size() * sizeof(Item)};
    const iovec there{reinterpret_cast<void*>(address), here.iov_len};
    const bool all = !items.empty() && address != 0 &&
                     process_vm_readv(process, &here, 1, &there, 1, 0) == static_cast<ssize_t>(here.iov_len);
    return all ? items : std::vector<Item>{};
}

std::vector<int> polled(pid_t process, const Call& call) {
    std::vector<int> descriptors;
    for (const pollfd& one : items_of<pollfd>(process, call.arguments[0], call.arguments[1])) {
        if ((one.events & POLLIN) != 0) {
            descriptors.push_back(one.fd);
        }
    }
    return descriptors;
}

std::vector<int> selected(pid_t process, const Call& call) {
    const std::size_t count = std::min<std::size_t>(call.arguments[0], most_descriptors);
    const auto words =
        items_of<unsigned long>(process, call.arguments[1], (count + bits_of_word - 1) / bits_of_word);
    std::vector<int> descriptors;
    for (std::size_t i = 0; i < count && !words.empty(); ++i) {
        if ((words[i / bits_of_word] >> i % bits_of_word & 1U) != 0) {
            descriptors.push_back(static_cast<int>(i));
        }
    }
    return descriptors;
}

/// "tfd: number events: mask ...", a line for each: proc(5).
std::vector<int> registered(const fs::path& thread, int epoll) {
    std::ifstream file(thread / "fdinfo" / std::to_string(epoll));
    std::vector<int> descriptors;
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::string name;
        std::string events;
        int descriptor = -1;
        std::uint32_t mask = 0;
        if (words >> name >> descriptor >> events >> std::hex >> mask && name == "tfd:" &&
            (mask & EPOLLIN) != 0) {
            descriptors.push_back(descriptor);
        }
    }
    return descriptors;
}

/// Something to read from any of them ends the call.
std::vector<int> waited_for(pid_t process, const fs::path& thread, const Call& call) {
    switch (call.number) {
    case SYS_read:
        return {static_cast<int>(call.arguments[0])};
#ifdef SYS_poll
    case SYS_poll:
#endif
    case SYS_ppoll:
        return polled(process, call);
#ifdef SYS_select
    case SYS_select:
#endif
    case SYS_pselect6:
        return selected(process, call);
#ifdef SYS_epoll_wait
    case SYS_epoll_wait:
#endif
    case SYS_epoll_pwait:
    case SYS_epoll_pwait2:
        return registered(thread, static_cast<int>(call.arguments[0]));
    default:
        return {};
    }
}

} // namespace

bool waits_for_terminal(pid_t process, const std::string& terminal) {
    return std::ranges::any_of(threads_of(process), [&](const fs::path& thread) {
        const std::optional<Call> call = call_of(thread);
        return call && std::ranges::any_of(waited_for(process, thread, *call), [&](int descriptor) {
                   std::error_code error;
                   const std::string target =
                       fs::read_symlink(thread / "fd" / std::to_string(descriptor), error).string();
                   return target == terminal || target == "/dev/tty";
               });
    });
}

} // namespace cardrig::harness
