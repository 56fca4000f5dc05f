#include "harness/files.h"
#include "harness/rig/unique_fd.h"
#include "harness/vpcd_frame.h"
#include "tests/benchmarks/cards.h"
#include "tests/benchmarks/folder.h"
#include "tests/benchmarks/parts.h"
#include "tests/benchmarks/processes.h"
#include "tests/benchmarks/stopwatch.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <netinet/in.h>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

namespace cardrig::benchmarks {

namespace {

using harness::UniqueFd;

constexpr int limit_ms = 30'000;

void wait_for(int socket, const char* what) {
    pollfd wait{socket, POLLIN, 0};
    if (poll(&wait, 1, limit_ms) != 1) {
        throw std::runtime_error(fmt::format("cardrig serve: not within {} s: {}", limit_ms / 1000, what));
    }
}

/// What vpcd is to a card: it listens, and asks.
class Vpcd final {
public:
    Vpcd() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        if (!listener_ ||
            bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
            listen(listener_.get(), 1) != 0 ||
            getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
            throw std::runtime_error(fmt::format("cannot listen on loopback: {}", std::strerror(errno)));
        }
        port_ = ntohs(address.sin_port);
    }
    [[nodiscard]] std::string address() const { return fmt::format("127.0.0.1:{}", port_); }

    /// Waits for a card, switches it on and asks for its ATR.
    void take_atr() {
        wait_for(listener_.get(), "a card that connects");
        card_ = UniqueFd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        static constexpr std::array<std::uint8_t, 6> power_on_and_atr{0, 1, 1, 0, 1, 4};
        if (!card_ || send(card_.get(), power_on_and_atr.data(), power_on_and_atr.size(), MSG_NOSIGNAL) !=
                          static_cast<ssize_t>(power_on_and_atr.size())) {
            throw std::runtime_error("cardrig serve: the connection broke off");
        }
        harness::VpcdFrameReader frames;
        std::array<std::uint8_t, 256> buffer{};
        while (true) {
            wait_for(card_.get(), "an ATR");
            const ssize_t count = recv(card_.get(), buffer.data(), buffer.size(), 0);
            if (count <= 0) {
                throw std::runtime_error("cardrig serve: the connection broke off before the ATR");
            }
            frames.append(ByteView(buffer).first(static_cast<std::size_t>(count)));
            if (frames.next()) {
                return;
            }
        }
    }

private:
    UniqueFd listener_;
    UniqueFd card_;
    std::uint16_t port_ = 0;
};

/// A process that is asked to end, and waited for, with its owner.
class Server final {
public:
    explicit Server(const std::vector<std::string>& argv) {
        const UniqueFd null(open("/dev/null", O_WRONLY | O_CLOEXEC));
        process_ = start(argv, null.get());
    }
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server() {
        kill(process_, SIGTERM);
        while (waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
        }
    }

    /// Resident memory, in MB of 2^20 bytes.
    [[nodiscard]] double resident() const {
        std::ifstream status(fmt::format("/proc/{}/status", process_));
        for (std::string word; status >> word;) {
            double kilobytes = 0;
            if (word == "VmRSS:" && status >> kilobytes) {
                return kilobytes / 1024;
            }
        }
        throw std::runtime_error("cardrig serve has ended");
    }

private:
    pid_t process_ = -1;
};

struct Start {
    double milliseconds = 0; ///< to the first ATR
    double megabytes = 0;
};

Start serve(const Effort& effort, const std::string& card) {
    Vpcd vpcd;
    const Stopwatch watch;
    const Server server({effort.command, "serve", "--card", card, "--vpcd", vpcd.address()});
    vpcd.take_atr();
    return {watch.seconds() * 1e3, server.resident()};
}

} // namespace

std::vector<Figure> serve_start(const Effort& effort) {
    constexpr Aim ten{Aim::Of::value, Aim::Bound::at_most, 10};
    constexpr Aim twelve{Aim::Of::value, Aim::Bound::at_most, 12};
    const Folder folder;
    const std::string image = folder.file("card.image");
    harness::write_file(image, staff_card().serialize());
    std::vector<double> from_image;
    std::vector<double> from_profile;
    std::vector<double> bare;
    std::vector<double> memory;
    for (std::size_t i = 0; i < effort.samples(31); ++i) {
        bare.push_back(timed([&] { static_cast<void>(output_of({effort.command, "--version"})); }));
        const Start start = serve(effort, image);
        from_image.push_back(start.milliseconds);
        memory.push_back(start.megabytes);
        from_profile.push_back(serve(effort, "piv-staff").milliseconds);
    }
    const Floor floor{Spread(std::move(bare)), "cardrig --version, from start to end"};
    return {{"serve", "start to first ATR, card image", "ms", Spread(std::move(from_image)), floor, ten, ""},
            {"serve", "start to first ATR, profile", "ms", Spread(std::move(from_profile)), floor, ten,
             "certificates signed anew, keys from the cache"},
            {"serve", "resident memory", "MB", Spread(std::move(memory)), std::nullopt, twelve,
             "VmRSS after the first ATR, card image"}};
}

} // namespace cardrig::benchmarks
