#include "harness/hand/control_client.h"

#include "harness/errors.h"
#include "harness/hand/control_socket.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include <poll.h>
#include <sys/socket.h>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

constexpr std::size_t longest_answer = 16UL << 20U;

} // namespace

ControlClient::ControlClient(const std::string& path, std::chrono::milliseconds limit)
    : socket_(connect_to_control(path, limit)) {}

nlohmann::json ControlClient::ask(const ControlRequest& request, std::chrono::milliseconds limit) {
    const std::string line = request.to_json().dump() + "\n";
    std::string_view left = line;
    while (!left.empty()) {
        const ssize_t sent = send(socket_.get(), left.data(), left.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0) {
            break; // why not, the rig may have said
        }
        left.remove_prefix(static_cast<std::size_t>(sent));
    }
    auto answer = nlohmann::json::parse(next_line(std::chrono::steady_clock::now() + limit), nullptr, false);
    if (!answer.is_object() || !answer.contains("ok") || !answer["ok"].is_boolean()) {
        throw HostError("what answers at the control socket is no rig of this kind");
    }
    return answer;
}

std::string ControlClient::next_line(std::chrono::steady_clock::time_point until) {
    std::array<char, 4096> buffer{};
    while (true) {
        const std::size_t end = waiting_.find('\n');
        if (end != std::string::npos) {
            std::string line = waiting_.substr(0, end);
            waiting_.erase(0, end + 1);
            return line;
        }
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
        pollfd wait{socket_.get(), POLLIN, 0};
        const int found = poll(&wait, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
        if (found == 0) {
            throw HostError("the rig does not answer");
        }
        const ssize_t count = found < 0 ? -1 : recv(socket_.get(), buffer.data(), buffer.size(), 0);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0 || waiting_.size() > longest_answer) {
            throw HostError("the rig has ended");
        }
        waiting_.append(buffer.data(), static_cast<std::size_t>(count));
    }
}

} // namespace cardrig::harness
