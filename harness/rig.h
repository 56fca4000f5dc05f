// The rig: a private PC/SC daemon with cards in its readers, and the client that is run against it. Whatever
// happens to this process, nothing of it is left: no process, no socket, no folder. harness/README.md tells
// how.
#pragma once

#include "harness/reader_card.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cardrig::harness {

/// How a client's run ended.
struct ClientResult {
    std::optional<int> exit_status; ///< 0 to 255; none if a signal ended it
    int signal = 0;                 ///< which signal, or 0
    bool timed_out = false;
    bool not_found = false;      ///< the command does not exist
    bool not_executable = false; ///< it does, and cannot be run
    bool left_processes = false; ///< it ended and left some behind, which were ended
};

struct ClientCommand {
    std::vector<std::string> argv;
    std::map<std::string, std::string> environment; ///< on top of the rig's own
    /// true: standard streams and terminal are the rig's own (exec). false: its own HOME, XDG folders, TMPDIR
    /// and process group; standard input holds `input`; output comes to `on_output`.
    bool attached = false;
    std::string input;
    std::function<void(std::string_view chunk)> on_output; ///< both streams, as they come; on one thread
    std::optional<std::chrono::milliseconds> limit;        ///< then it is ended
};

/// One at most in a process: libpcsclite knows one daemon for a process's whole life. Make it while the
/// process has one thread.
class Rig {
public:
    /// Starts the daemon with a reader for each card, all cards out. The cards outlive the rig. At most two
    /// through vpcd. Throws HostError where the daemon or the vpcd driver is missing (naming the package) or
    /// will not start (with its own last words).
    explicit Rig(std::vector<ReaderCard*> cards);
    Rig(const Rig&) = delete;
    Rig& operator=(const Rig&) = delete;
    ~Rig();

    /// PC/SC name of a card's reader: what clients are given as CARDRIG_READER, CARDRIG_READER_2, ...
    [[nodiscard]] std::string reader_name(std::size_t index) const;
    /// Puts a card in and returns when PC/SC clients can see it; throws HostError with the daemon's last
    /// words if that takes longer than `limit`.
    void insert(std::size_t index, std::chrono::milliseconds limit = std::chrono::seconds(10));
    /// Takes it out and returns when PC/SC clients can see that it is gone. Nothing happens if it is out.
    void remove(std::size_t index, std::chrono::milliseconds limit = std::chrono::seconds(10));
    /// Whether a card is in: false after it left by itself.
    [[nodiscard]] bool inserted(std::size_t index) const;

    /// Runs a client to its end. Throws HostError if the daemon dies meanwhile.
    [[nodiscard]] ClientResult run(const ClientCommand& command);
    /// A private folder (0700) that lives as long as the rig.
    [[nodiscard]] const std::string& folder() const;
    /// What a client needs in its environment: PCSCLITE_CSOCK_NAME, CARDRIG_READER and so on.
    [[nodiscard]] std::map<std::string, std::string> environment() const;
    /// Things worth telling the user: "namespaces refused: running the daemon plainly".
    [[nodiscard]] std::vector<std::string> notices() const;

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

} // namespace cardrig::harness
