// Whole packets over a Unix socket that keeps them apart (SOCK_SEQPACKET).
#pragma once

#include "harness/ifd/packets.h"
#include "harness/rig/unique_fd.h"

#include <optional>

#include <sys/un.h>

namespace cardrig::harness::ifd {

enum class Waiting : std::uint8_t { yes, no };

/// What a socket's path is for bind() and connect(); none where it is too long.
[[nodiscard]] std::optional<sockaddr_un> socket_address(const std::string& path);

/// Room for the longest packet, as far as the host allows: its own default is more than enough.
void widen(int socket);

/// False where the other side is gone, or where it would have to wait and shall not.
[[nodiscard]] bool send_packet(int socket, ByteView head, ByteView data, Waiting waiting);

/// One packet into `buffer`: its bytes there. None where the other side is gone, where the packet is longer
/// than the buffer, and where there is none and it shall not wait.
[[nodiscard]] std::optional<ByteView> receive_packet(int socket, std::span<std::uint8_t> buffer,
                                                     Waiting waiting);

} // namespace cardrig::harness::ifd
