#include "harness/ifd/switchboard.h"

#include "harness/errors.h"
#include "harness/ifd/packet_socket.h"
#include "harness/rig/quiet_thread.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace cardrig::harness {

namespace {

/// More than 16 readers have connections at once: the rest are strangers that say nothing.
constexpr std::size_t most_peers = 64;
/// Where there is no descriptor for a connection it stays in the queue, and the next look for one is then.
constexpr std::chrono::milliseconds pause_when_full{100};

UniqueFd listen_at(const std::string& path) {
    const auto address = ifd::socket_address(path);
    if (!address) {
        throw HostError(
            fmt::format("the path {} is too long for a socket; set TMPDIR to a shorter one", path));
    }
    UniqueFd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket || bind(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0 ||
        chmod(path.c_str(), S_IRUSR | S_IWUSR) != 0 || listen(socket.get(), SOMAXCONN) != 0) {
        throw HostError(fmt::format("cannot listen at {}: {}", path, std::strerror(errno)));
    }
    return socket;
}

bool is_ours(int socket) {
    ucred peer{};
    socklen_t size = sizeof peer;
    return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid();
}

} // namespace

ReaderServer::Switchboard::Switchboard(std::string path, std::size_t readers)
    : path_(std::move(path)), listener_(listen_at(path_)) {
    for (std::size_t i = 0; i < readers; ++i) {
        readers_.emplace_back(turns_);
    }
}

ReaderServer::Switchboard::~Switchboard() {
    stop_.wake();
    if (thread_.joinable()) {
        thread_.join();
    }
    peers_.clear();
    for (RigReader& reader : readers_) {
        reader.close();
    }
    unlink(path_.c_str());
}

void ReaderServer::Switchboard::start() {
    thread_ = start_without_signals([this] { serve(); });
}

void ReaderServer::Switchboard::serve() {
    std::vector<pollfd> watched;
    while (true) {
        const bool full = Clock::now() < full_until_;
        watched.assign({{stop_.descriptor(), POLLIN, 0}, {full ? -1 : listener_.get(), POLLIN, 0}});
        for (const Peer& peer : peers_) {
            watched.push_back({peer.socket->get(), POLLIN, 0});
        }
        const int limit = full ? static_cast<int>(pause_when_full.count()) : -1;
        if (poll(watched.data(), static_cast<nfds_t>(watched.size()), limit) < 0) {
            continue; // a signal is the only reason
        }
        if (watched[0].revents != 0) {
            return;
        }
        for (std::size_t i = peers_.size(); i-- > 0;) {
            if (watched[i + 2].revents != 0 && !listen_to(peers_[i])) {
                peers_.erase(peers_.begin() + static_cast<std::ptrdiff_t>(i));
            }
        }
        if (watched[1].revents != 0) {
            let_in();
        }
    }
}

void ReaderServer::Switchboard::let_in() {
    UniqueFd socket(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
        full_until_ = Clock::now() + pause_when_full;
    }
    if (!socket || !is_ours(socket.get())) {
        return;
    }
    if (peers_.size() >= most_peers) {
        // The driver says what it wants at once: who has said nothing for longest is a stranger.
        const auto silent = std::find_if(peers_.begin(), peers_.end(),
                                         [](const Peer& peer) { return peer.reader == nullptr; });
        if (silent == peers_.end()) {
            return;
        }
        peers_.erase(silent);
    }
    ifd::widen(socket.get());
    peers_.push_back({std::make_shared<UniqueFd>(std::move(socket)), nullptr});
}

/// False where the connection is not to be read here any more.
bool ReaderServer::Switchboard::listen_to(Peer& peer) {
    std::array<std::uint8_t, 16> buffer{};
    const auto packet = ifd::receive_packet(peer.socket->get(), buffer, ifd::Waiting::no);
    if (!peer.reader) {
        return packet && introduce(peer, *packet);
    }
    const auto acknowledgement = packet ? ifd::Acknowledgement::parse(*packet) : std::nullopt;
    if (!acknowledgement) {
        shutdown(peer.socket->get(), SHUT_RDWR);
        peer.reader->events_lost();
        return false;
    }
    peer.reader->acknowledged(*acknowledgement);
    return true;
}

bool ReaderServer::Switchboard::introduce(Peer& peer, ByteView packet) {
    const auto hello = ifd::Hello::parse(packet);
    if (!hello || hello->reader >= readers_.size()) {
        return false;
    }
    RigReader& reader = readers_[hello->reader];
    if (hello->line == ifd::Line::commands) {
        // It is read by the reader's own thread from now on; one too many is dropped here.
        static_cast<void>(reader.serve_commands(peer.socket));
        return false;
    }
    if (!reader.tell_events(peer.socket)) {
        return false;
    }
    peer.reader = &reader;
    return true;
}

} // namespace cardrig::harness
