#include "harness/ifd/driver/channel.h"

#include "harness/ifd/packet_socket.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

namespace cardrig::harness::ifd {

namespace {

using Clock = std::chrono::steady_clock;

/// Between two transitions: a client that was woken by the one needs a moment to look, and pcscd keeps
/// only the last state.
constexpr std::chrono::microseconds gap{500};
/// For the rig's answer to a hello, so that a daemon whose rig hangs still starts.
constexpr timeval hello_limit{10, 0};

struct Device {
    std::string path;
    std::uint8_t reader = 0;
};

std::optional<Device> parse_device(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) {
        return std::nullopt;
    }
    Device device{std::string(text.substr(0, colon)), 0};
    const std::string_view number = text.substr(colon + 1);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), device.reader);
    if (error != std::errc{} || end != number.data() + number.size()) {
        return std::nullopt;
    }
    return device;
}

struct OpenLine {
    UniqueFd socket;
    Transition first;
};

std::optional<OpenLine> open_line(const Device& device, Line line) {
    const auto address = socket_address(device.path);
    UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (!address || !socket) {
        return std::nullopt;
    }
    widen(socket.get());
    static_cast<void>(setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &hello_limit, sizeof hello_limit));
    if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
        return std::nullopt;
    }
    std::array<std::uint8_t, 16> buffer{};
    if (!send_packet(socket.get(), Hello{line, device.reader}.bytes(), {}, Waiting::yes)) {
        return std::nullopt;
    }
    const auto packet = receive_packet(socket.get(), buffer, Waiting::yes);
    const auto first = packet ? Transition::parse(*packet) : std::nullopt;
    if (!first) {
        return std::nullopt;
    }
    // From here on the rig may take its time: a card does.
    constexpr timeval forever{0, 0};
    static_cast<void>(setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &forever, sizeof forever));
    return OpenLine{std::move(socket), *first};
}

timespec to_timespec(Clock::duration left) {
    const auto nanoseconds =
        std::max(std::chrono::duration_cast<std::chrono::nanoseconds>(left), std::chrono::nanoseconds(0));
    timespec time{};
    time.tv_sec = static_cast<time_t>(nanoseconds.count() / 1'000'000'000);
    time.tv_nsec = static_cast<long>(nanoseconds.count() % 1'000'000'000);
    return time;
}

} // namespace

std::shared_ptr<Channel> Channel::open(std::string_view text) {
    const auto device = parse_device(text);
    if (!device) {
        return nullptr;
    }
    auto commands = open_line(*device, Line::commands);
    auto events = commands ? open_line(*device, Line::events) : std::nullopt;
    UniqueFd wakeup(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!events || !wakeup) {
        return nullptr;
    }
    return std::shared_ptr<Channel>(new Channel(std::move(commands->socket), std::move(events->socket),
                                                std::move(wakeup), events->first));
}

Channel::Channel(UniqueFd commands, UniqueFd events, UniqueFd wakeup, Transition first)
    : commands_(std::move(commands)), events_(std::move(events)), wakeup_(std::move(wakeup)),
      latch_(first.presence), number_(first.number) {}

Channel::Answer Channel::ask(Ask ask, ByteView data, std::span<std::uint8_t> buffer) {
    const std::lock_guard lock(asking_);
    const auto code = static_cast<std::uint8_t>(ask);
    if (closed_ || !send_packet(commands_.get(), ByteView(&code, 1), data, Waiting::yes)) {
        return {};
    }
    std::uint8_t outcome = 0;
    std::array<iovec, 2> parts{{{&outcome, 1}, {buffer.data(), buffer.size()}}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    ssize_t count = -1;
    do {
        count = recvmsg(commands_.get(), &message, MSG_TRUNC);
    } while (count < 0 && errno == EINTR);
    if (count < 1 || outcome > static_cast<std::uint8_t>(Outcome::failed)) {
        // A rig that is gone, or one that cannot be understood: nothing it says later belongs to anything.
        close();
        return {};
    }
    Answer answer{static_cast<Outcome>(outcome), static_cast<std::size_t>(count) - 1, true};
    answer.fits = answer.size <= buffer.size();
    return answer;
}

Presence Channel::presence() {
    const pid_t polling = polling_thread_;
    if (polling == 0 || polling == gettid()) {
        return latch_;
    }
    std::uint8_t presence = 0;
    const Answer answer = ask(Ask::presence, {}, std::span(&presence, 1));
    if (answer.outcome != Outcome::done || answer.size != 1 ||
        presence > static_cast<std::uint8_t>(Presence::unplugged)) {
        return Presence::unplugged;
    }
    return static_cast<Presence>(presence);
}

void Channel::acknowledge() {
    if (acknowledged_) {
        return;
    }
    acknowledged_ = true;
    static_cast<void>(send_packet(events_.get(), Acknowledgement{number_}.bytes(), {}, Waiting::no));
    next_at_ = Clock::now() + gap;
}

void Channel::take_transition() {
    std::array<std::uint8_t, 16> buffer{};
    const auto packet = receive_packet(events_.get(), buffer, Waiting::no);
    const auto transition = packet ? Transition::parse(*packet) : std::nullopt;
    if (!transition) {
        rig_is_gone_ = true;
        latch_ = Presence::unplugged;
        forget_atr();
        return;
    }
    if (transition->presence != Presence::present) {
        forget_atr();
    }
    latch_ = transition->presence;
    number_ = transition->number;
    acknowledged_ = false;
}

void Channel::wait_for_transition(std::chrono::milliseconds limit) {
    polling_thread_ = gettid();
    acknowledge();
    const auto deadline = Clock::now() + limit;
    while (true) {
        const auto now = Clock::now();
        const bool early = now < next_at_;
        // One descriptor of -1 is left out: where a rig is gone there is only the daemon's end to wait for.
        std::array<pollfd, 2> watched{
            {{wakeup_.get(), POLLIN, 0}, {early || rig_is_gone_ ? -1 : events_.get(), POLLIN, 0}}};
        const timespec left = to_timespec((early ? std::min(next_at_, deadline) : deadline) - now);
        const int ready = ppoll(watched.data(), watched.size(), &left, nullptr);
        if (ready < 0 && errno != EINTR) {
            return;
        }
        if (ready > 0 && watched[0].revents != 0) {
            std::uint64_t count = 0;
            static_cast<void>(!read(wakeup_.get(), &count, sizeof count));
            return;
        }
        if (ready > 0) {
            take_transition();
            return;
        }
        if (Clock::now() >= deadline) {
            return;
        }
    }
}

void Channel::stop_waiting() {
    const std::uint64_t one = 1;
    static_cast<void>(!write(wakeup_.get(), &one, sizeof one));
}

void Channel::close() {
    closed_ = true;
    shutdown(commands_.get(), SHUT_RDWR);
    shutdown(events_.get(), SHUT_RDWR);
}

/// Whatever was in is out, or without power.
void Channel::forget_atr() {
    const std::lock_guard lock(atr_mutex_);
    atr_.clear();
    ++forgotten_;
}

Channel::Answer Channel::power_up(Ask how, std::span<std::uint8_t> buffer) {
    std::uint64_t before = 0;
    {
        const std::lock_guard lock(atr_mutex_);
        before = forgotten_;
    }
    const Answer answer = ask(how, {}, buffer);
    const std::lock_guard lock(atr_mutex_);
    atr_.clear();
    if (answer.outcome == Outcome::done && answer.fits && forgotten_ == before) {
        const auto atr = buffer.first(answer.size);
        atr_.assign(atr.begin(), atr.end());
    }
    return answer;
}

Channel::Answer Channel::power_down() {
    const Answer answer = ask(Ask::power_down, {}, {});
    const std::lock_guard lock(atr_mutex_);
    atr_.clear();
    return answer;
}

Bytes Channel::atr() const {
    const std::lock_guard lock(atr_mutex_);
    return atr_;
}

AtrProtocols Channel::protocols() const {
    return atr_protocols(atr());
}

} // namespace cardrig::harness::ifd
