#include "harness/rig/process_tree.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <unistd.h>

namespace cardrig::harness {

namespace {

namespace fs = std::filesystem;

/// Who is whose child, for all processes that can be seen.
std::multimap<pid_t, pid_t> children_by_parent() {
    std::multimap<pid_t, pid_t> children;
    std::error_code error;
    for (fs::directory_iterator entry("/proc", error), end; !error && entry != end; entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0])) == 0) {
            continue;
        }
        std::ifstream file(entry->path() / "stat");
        std::string stat;
        std::getline(file, stat);
        // "pid (name) state parent ...": the name may hold blanks and brackets.
        const std::size_t end_of_name = stat.rfind(')');
        if (end_of_name == std::string::npos || end_of_name + 4 > stat.size()) {
            continue;
        }
        const long parent = std::strtol(stat.c_str() + end_of_name + 4, nullptr, 10);
        children.emplace(static_cast<pid_t>(parent),
                         static_cast<pid_t>(std::strtol(name.c_str(), nullptr, 10)));
    }
    return children;
}

/// As the kernel lists them, where it does (CONFIG_PROC_CHILDREN). Quick; but one may be missed while another
/// is taken from the list, which its parent does when it asks how that one ended.
std::vector<pid_t> listed_children(const fs::path& thread) {
    std::ifstream file(thread / "children");
    std::vector<pid_t> children;
    for (pid_t child = 0; file >> child;) {
        children.push_back(child);
    }
    return children;
}

/// All below one, but for `except` and what is below that.
std::vector<pid_t> found_below(pid_t process, pid_t except) {
    const std::multimap<pid_t, pid_t> children = children_by_parent();
    std::vector<pid_t> found;
    std::vector<pid_t> parents{process};
    while (!parents.empty()) {
        const pid_t parent = parents.back();
        parents.pop_back();
        const auto [begin, end] = children.equal_range(parent);
        for (auto child = begin; child != end; ++child) {
            if (child->second != except) {
                found.push_back(child->second);
                parents.push_back(child->second);
            }
        }
    }
    return found;
}

/// The same by those lists.
std::vector<pid_t> listed_below(pid_t process, pid_t except) {
    std::vector<pid_t> found;
    std::vector<pid_t> parents{process};
    for (std::size_t i = 0; i < parents.size(); ++i) {
        for (const fs::path& thread : threads_of(parents[i])) {
            for (const pid_t child : listed_children(thread)) {
                if (child != except) {
                    found.push_back(child);
                    parents.push_back(child);
                }
            }
        }
    }
    return found;
}

std::vector<pid_t> below(pid_t process, pid_t except) {
    static const bool lists = fs::exists(fs::path("/proc/thread-self/children"));
    return lists ? listed_below(process, except) : found_below(process, except);
}

/// 'R', 'S', 'Z' and so on; 0 where it is not there any more.
char state_of(const fs::path& thread) {
    std::ifstream file(thread / "stat");
    std::string stat;
    std::getline(file, stat);
    const std::size_t end_of_name = stat.rfind(')');
    return end_of_name == std::string::npos || end_of_name + 2 >= stat.size() ? '\0' : stat[end_of_name + 2];
}

/// 'S': it sleeps, and can be woken. 'Z': it has ended, and its parent has not looked yet.
bool threads_sleep(pid_t process) {
    const std::vector<fs::path> threads = threads_of(process);
    return !threads.empty() && std::ranges::all_of(threads, [](const fs::path& thread) {
        const char state = state_of(thread);
        return state == 'S' || state == 'Z';
    });
}

} // namespace

std::vector<pid_t> descendants(pid_t except) {
    return below(getpid(), except);
}

std::vector<pid_t> family_of(pid_t process) {
    std::vector<pid_t> family = below(process, -1);
    family.insert(family.begin(), process);
    return family;
}

std::vector<fs::path> threads_of(pid_t process) {
    std::vector<fs::path> threads;
    std::error_code error;
    for (fs::directory_iterator entry(fs::path("/proc") / std::to_string(process) / "task", error), end;
         !error && entry != end; entry.increment(error)) {
        threads.push_back(entry->path());
    }
    return threads;
}

bool all_asleep(pid_t process) {
    return std::ranges::all_of(family_of(process), threads_sleep);
}

std::string name_of(pid_t process) {
    std::ifstream file(fs::path("/proc") / std::to_string(process) / "comm");
    std::string name;
    std::getline(file, name);
    return name;
}

} // namespace cardrig::harness
