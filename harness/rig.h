// The rig: a private PC/SC daemon with cards in its readers, and the client that is run against it. Whatever
// happens to this process, nothing of it is left: no process, no socket, no folder. harness/README.md tells
// how.
#pragma once

#include "harness/reader.h"
#include "harness/reader_card.h"
#include "harness/reader_kind.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cardrig::harness {

class SignalWatch;

/// How a client's run ended.
struct ClientResult {
    std::optional<int> exit_status; ///< 0 to 255; none if a signal ended it
    int signal = 0;                 ///< which signal, or 0
    bool timed_out = false;
    bool not_found = false;      ///< the command does not exist
    bool not_executable = false; ///< it does, and cannot be run
    bool left_processes = false; ///< it ended and left some behind, which were ended
    int process = -1;            ///< its id; -1 where it was not started
    int stopped_by = 0;          ///< the signal to the rig because of which it was ended, or 0
};

/// How somebody speaks with a client that is not attached.
enum class ClientTalk : std::uint8_t {
    none,     ///< standard input is a file that holds `input`
    pipe,     ///< standard input is a pipe that stays open until the client ends; output comes by another one
    terminal, ///< it has a terminal of its own: standard input, output and error, and /dev/tty
};

struct ClientCommand {
    std::vector<std::string> argv;
    std::map<std::string, std::string> environment; ///< on top of the rig's own
    /// true: standard streams and terminal are the rig's own (exec). false: HOME and XDG folders of
    /// the rig's, empty for its first client and left to the next ones; TMPDIR and process group of its own;
    /// output comes to `on_output`.
    bool attached = false;
    ClientTalk talk = ClientTalk::none;
    std::string input; ///< ClientTalk::none
    /// Both streams, as they come; called by one thread at a time, which may be a card's (drain_client()).
    std::function<void(std::string_view chunk)> on_output;
    std::optional<std::chrono::milliseconds> limit; ///< then it is ended
};

struct RigReaderPlan {
    /// What PC/SC's name for it begins with; empty: the kind's own.
    std::string name = {};
    /// In from the start, and seen by clients when the rig is made: quicker than inserting it.
    ReaderCard* card = nullptr;
};

struct RigOptions {
    ReaderKind kind = ReaderKind::rig;
    /// Signals to the rig then end what it waits for: a client (ClientResult::stopped_by), or anything else
    /// (Interrupted is thrown). Outlives the rig.
    const SignalWatch* signals = nullptr;
};

/// One at most at a time in a process, because libpcsclite knows one daemon's address for a process's whole
/// life; a process that was forked after its parent had one cannot have one. Make it while the process has
/// one thread. It sets PCSCLITE_CSOCK_NAME in this process's environment.
class Rig {
public:
    /// Starts the daemon with these readers. Cards outlive the rig. At least one reader, and at most
    /// most_readers() of the kind (RequestError). Throws HostError where the daemon or the driver is missing
    /// (naming the package) or will not start (with its own last words).
    explicit Rig(std::vector<RigReaderPlan> readers, const RigOptions& options = {});
    Rig(const Rig&) = delete;
    Rig& operator=(const Rig&) = delete;
    ~Rig();

    [[nodiscard]] std::size_t size() const;
    [[nodiscard]] ReaderKind kind() const;
    /// PC/SC's name for a reader: what clients are given as CARDRIG_READER, CARDRIG_READER_2, ...
    [[nodiscard]] std::string reader_name(std::size_t index) const;
    /// By which cards are moved from any thread.
    [[nodiscard]] Reader& reader(std::size_t index);

    /// Puts a card in and returns true when PC/SC clients can see it, or false if it left by itself before
    /// that, as one does in vpcd that does not start. Nothing happens where one is in. Throws HostError with
    /// the daemon's last words if neither happens within `limit`.
    bool insert(std::size_t index, ReaderCard& card,
                std::chrono::milliseconds limit = std::chrono::seconds(10));
    /// Takes out what is in, and returns when PC/SC clients can see that it is gone.
    void remove(std::size_t index, std::chrono::milliseconds limit = std::chrono::seconds(10));
    /// Whether a card is in: false after it left by itself.
    [[nodiscard]] bool inserted(std::size_t index) const;

    /// Runs a client to its end. Throws HostError if the daemon dies meanwhile, and what a card threw.
    [[nodiscard]] ClientResult run(const ClientCommand& command);
    /// SIGKILL for the client that runs, if one does, and for all below it. From any thread.
    void kill_client();
    /// On any other thread than the one that runs it: until it has ended, or for two seconds.
    void wait_for_client_end();
    /// Hands all that the client which runs has printed until now to its `on_output`, before it returns: what
    /// it has written (with a write() that has returned) before it sent a command is there when the card gets
    /// that. From any thread. Nothing happens where no client runs, or an attached one.
    void drain_client();
    /// Types a line, with its end, for the client that runs and has a ClientTalk. Waits while its input is
    /// full. From any thread; nothing happens where there is none.
    void type_to_client(std::string_view line);
    /// Whether the client that runs reads from its terminal at this moment, or does nothing but wait, and has
    /// done so for a while. By one thread at a time.
    [[nodiscard]] bool client_waits() const;
    /// Throws HostError where the daemon is gone, what a card threw, and Interrupted where a signal came (but
    /// while a client runs: run() has them then).
    void check() const;
    /// The same without signals, which are for the thread that runs clients: for any other.
    void check_host() const;

    /// A socket outside the rig's folder (an absolute path), which is removed with the rig, however it ends.
    void remove_at_end(const std::string& socket);
    /// The next client finds an empty home folder, as the first one did, and nothing temporary is left of
    /// earlier ones. While none runs. Throws HostError.
    void empty_home();
    /// A private folder (0700) that lives as long as the rig.
    [[nodiscard]] const std::string& folder() const;
    /// What a client needs in its environment: PCSCLITE_CSOCK_NAME, CARDRIG_READER and so on.
    [[nodiscard]] std::map<std::string, std::string> environment() const;
    /// Things worth telling the user: that namespaces were refused and the daemon runs plainly, or that a
    /// card that should be in from the start left by itself.
    [[nodiscard]] std::vector<std::string> notices() const;

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

} // namespace cardrig::harness
