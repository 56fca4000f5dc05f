#include "harness/vpcd_link.h"

#include "harness/rig/quiet_thread.h"

#include <array>
#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <stdexcept>
#include <sys/socket.h>
#include <sys/uio.h>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

void set_tcp_option(int socket, int option) {
    const int on = 1;
    // Fails on a socket that is not TCP (a test's socket pair), where there is nothing to set.
    static_cast<void>(setsockopt(socket, IPPROTO_TCP, option, &on, sizeof on));
}

} // namespace

VpcdLink::VpcdLink(UniqueFd connection, ReaderCard& card, VpcdLinkEvents events)
    : connection_(std::move(connection)), card_(card), events_(std::move(events)) {
    set_tcp_option(connection_.get(), TCP_NODELAY);
    thread_ = start_without_signals([this] { serve(); });
}

VpcdLink::~VpcdLink() {
    leave();
    thread_.join();
}

void VpcdLink::leave() {
    shutdown(connection_.get(), SHUT_RDWR);
}

void VpcdLink::finish() {
    finishing_ = true;
    shutdown(connection_.get(), SHUT_RD); // wakes the wait for the next frame, and lets an answer out
}

void VpcdLink::serve() {
    try {
        card_.power_on();
        note_atr();
        serve_frames();
    } catch (...) { // carried to the thread that asks for error()
        error_ = std::current_exception();
    }
    // The reader sees the card gone before anybody here is told so.
    shutdown(connection_.get(), SHUT_RDWR);
    try {
        card_.power_off();
    } catch (...) { // as above; what went wrong first counts
        if (!error_) {
            error_ = std::current_exception();
        }
    }
    connected_ = false;
    connected_.notify_all();
    if (events_.ended) {
        events_.ended();
    }
}

void VpcdLink::serve_frames() {
    VpcdFrameReader frames;
    std::array<std::uint8_t, 4096> buffer{};
    while (!finishing_) {
        const ssize_t count = recv(connection_.get(), buffer.data(), buffer.size(), 0);
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            return;
        }
        // vpcd sends length and body in two segments with Nagle's algorithm on, so that the body waits for
        // our acknowledgement of the length: without this, 40 ms each. The option does not stick.
        set_tcp_option(connection_.get(), TCP_QUICKACK);
        frames.append(ByteView(buffer).first(static_cast<std::size_t>(count)));
        if (!handle_frames(frames)) {
            return;
        }
    }
}

/// False where the card is to be taken out.
bool VpcdLink::handle_frames(VpcdFrameReader& frames) {
    while (const std::optional<Bytes> payload = frames.next()) {
        if (!asked_ && events_.asked) {
            events_.asked();
        }
        asked_ = true;
        if (!handle(*payload) || finishing_) {
            return false;
        }
    }
    return true;
}

/// vpcd asks for the ATR to see whether a card is there, also while the card has no power: so the last one is
/// kept. A card that is mute after power-on or reset has none.
void VpcdLink::note_atr() {
    atr_ = card_.atr();
}

/// False where the card is to be taken out.
bool VpcdLink::handle(ByteView payload) {
    switch (vpcd_request(payload)) {
    case VpcdRequest::power_off:
        card_.power_off();
        return true;
    case VpcdRequest::power_on:
        card_.power_on();
        note_atr();
        return true;
    case VpcdRequest::reset:
        card_.reset();
        note_atr();
        return true;
    case VpcdRequest::atr:
        // An empty frame would hang the reader for good: a mute card is shown as gone.
        card_left_ = atr_.empty();
        return !card_left_ && answer(atr_);
    case VpcdRequest::command:
        break;
    }
    const Answer response = card_.transmit(payload);
    // No answer would hang the reader until the connection ends, an empty one even longer.
    card_left_ = !response || response->empty();
    return !card_left_ && answer(*response);
}

bool VpcdLink::answer(ByteView payload) {
    if (payload.size() > vpcd_max_payload) {
        throw std::length_error(
            fmt::format("the card answered {} bytes, more than the {} that vpcd can carry", payload.size(),
                        vpcd_max_payload));
    }
    auto header = vpcd_header(payload.size());
    std::array<iovec, 2> parts{
        {{header.data(), header.size()}, {const_cast<std::uint8_t*>(payload.data()), payload.size()}}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    // One call, so that length and body leave in one segment; the loop is for signals and full buffers.
    while (message.msg_iovlen > 0) {
        const ssize_t sent = sendmsg(connection_.get(), &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0) {
            return false;
        }
        auto left = static_cast<std::size_t>(sent);
        while (message.msg_iovlen > 0 && left >= message.msg_iov->iov_len) {
            left -= message.msg_iov->iov_len;
            ++message.msg_iov;
            --message.msg_iovlen;
        }
        if (message.msg_iovlen > 0) {
            message.msg_iov->iov_base = static_cast<std::uint8_t*>(message.msg_iov->iov_base) + left;
            message.msg_iov->iov_len -= left;
        }
    }
    return true;
}

} // namespace cardrig::harness
