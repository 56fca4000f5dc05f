#include "harness/ifd/packets.h"

#include <algorithm>

namespace cardrig::harness::ifd {

namespace {

/// The last byte is the version: a driver and a rig that do not belong together do not talk.
constexpr std::array<std::uint8_t, 4> magic{'C', 'R', 'I', 1};

template <std::size_t size>
void put_number(std::array<std::uint8_t, size>& packet, std::uint64_t number) {
    for (std::size_t i = 0; i < 8; ++i) {
        packet[i] = static_cast<std::uint8_t>(number >> (8 * (7 - i)));
    }
}

std::uint64_t number_of(ByteView packet) {
    std::uint64_t number = 0;
    for (const std::uint8_t byte : packet.first(8)) {
        number = (number << 8) | byte;
    }
    return number;
}

} // namespace

std::array<std::uint8_t, 6> Hello::bytes() const {
    return {magic[0], magic[1], magic[2], magic[3], static_cast<std::uint8_t>(line), reader};
}

std::optional<Hello> Hello::parse(ByteView packet) {
    if (packet.size() != 6 || !std::equal(magic.begin(), magic.end(), packet.begin()) || packet[4] < 1 ||
        packet[4] > 2) {
        return std::nullopt;
    }
    return Hello{static_cast<Line>(packet[4]), packet[5]};
}

std::array<std::uint8_t, 9> Transition::bytes() const {
    std::array<std::uint8_t, 9> packet{};
    put_number(packet, number);
    packet[8] = static_cast<std::uint8_t>(presence);
    return packet;
}

std::optional<Transition> Transition::parse(ByteView packet) {
    if (packet.size() != 9 || packet[8] > 2) {
        return std::nullopt;
    }
    return Transition{number_of(packet), static_cast<Presence>(packet[8])};
}

std::array<std::uint8_t, 8> Acknowledgement::bytes() const {
    std::array<std::uint8_t, 8> packet{};
    put_number(packet, number);
    return packet;
}

std::optional<Acknowledgement> Acknowledgement::parse(ByteView packet) {
    if (packet.size() != 8) {
        return std::nullopt;
    }
    return Acknowledgement{number_of(packet)};
}

std::optional<Request> Request::parse(ByteView packet) {
    if (packet.empty() || packet.size() > most_packet_bytes || packet[0] < 1 || packet[0] > 5) {
        return std::nullopt;
    }
    const Request request{static_cast<Ask>(packet[0]), packet.subspan(1)};
    // An empty command is for the card to judge.
    if (request.ask != Ask::transmit && !request.data.empty()) {
        return std::nullopt;
    }
    return request;
}

std::optional<Reply> Reply::parse(ByteView packet) {
    if (packet.empty() || packet.size() > most_packet_bytes || packet[0] > 3) {
        return std::nullopt;
    }
    const Reply reply{static_cast<Outcome>(packet[0]), packet.subspan(1)};
    if (reply.outcome != Outcome::done && !reply.data.empty()) {
        return std::nullopt;
    }
    return reply;
}

} // namespace cardrig::harness::ifd
