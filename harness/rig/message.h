// What the rig, its keeper and the daemon's guardian tell one another: short packets over a SOCK_SEQPACKET
// pair, with open files where they are needed.
#pragma once

#include "harness/rig/unique_fd.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cardrig::harness {

enum class MessageKind : std::int32_t {
    // from the guardian to the keeper, which passes them on to the rig
    daemon_started, ///< text: things worth telling the user, a line each
    daemon_refused, ///< value: 1 if namespaces were the trouble; text: why
    daemon_ended,   ///< value: wait status
    // from the process that becomes the daemon to the guardian
    listen_held, ///< files: what hold_listen() returned
    // from the rig to the keeper
    start_daemon,  ///< files: the listening socket that it serves
    start_client,  ///< files: the request (launch.h), standard input, output and error
    stop_client,   ///< value: signal to begin with
    kill_client,   ///< and all below it
    ready,         ///< the daemon answers: its time to start is over
    remove_at_end, ///< text: a socket outside the rig's folder, which goes with it
    end,           ///< end everything
    // from the keeper to the rig
    client_started,     ///< value: process id
    client_not_started, ///< value: errno
    client_ended,       ///< value: wait status; detail: 1 if it left processes behind
    // from the rig to the guardian, and back
    connect,       ///< value: bits of slots; detail: limit in ms
    connected,     ///< value: slot; files: the connection
    not_connected, ///< value: slot; detail: errno
};

struct Message {
    MessageKind kind = MessageKind::end;
    int value = 0;
    int detail = 0;
    std::string text;
    std::vector<UniqueFd> files;
};

/// Texts longer than this are cut.
inline constexpr std::size_t max_message_text = 8192;

/// Both ends close on exec. Throws HostError.
[[nodiscard]] std::pair<UniqueFd, UniqueFd> message_pair();

/// False if the other side is gone. `files` are passed, and stay open here too.
bool send_message(int socket, const Message& message, const std::vector<int>& files = {});

/// None if the other side is gone. Waits for a message if there is none.
[[nodiscard]] std::optional<Message> receive_message(int socket);

} // namespace cardrig::harness
