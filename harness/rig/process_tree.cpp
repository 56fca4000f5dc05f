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

/// All below one, but for `except` and what is below that.
std::vector<pid_t> below(pid_t process, pid_t except) {
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

/// 'S': it sleeps, and can be woken.
bool threads_sleep(pid_t process) {
    std::error_code error;
    std::size_t threads = 0;
    for (const auto& entry :
         fs::directory_iterator(fs::path("/proc") / std::to_string(process) / "task", error)) {
        std::ifstream file(entry.path() / "stat");
        std::string stat;
        std::getline(file, stat);
        const std::size_t end_of_name = stat.rfind(')');
        if (end_of_name == std::string::npos || end_of_name + 2 >= stat.size() ||
            stat[end_of_name + 2] != 'S') {
            return false;
        }
        ++threads;
    }
    return threads > 0;
}

} // namespace

std::vector<pid_t> descendants(pid_t except) {
    return below(getpid(), except);
}

bool all_asleep(pid_t process) {
    return threads_sleep(process) && std::ranges::all_of(below(process, -1), threads_sleep);
}

std::string name_of(pid_t process) {
    std::ifstream file(fs::path("/proc") / std::to_string(process) / "comm");
    std::string name;
    std::getline(file, name);
    return name;
}

} // namespace cardrig::harness
