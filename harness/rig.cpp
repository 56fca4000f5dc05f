#include "harness/rig.h"

#include "harness/errors.h"
#include "harness/relax.h"
#include "harness/rig/client_run.h"
#include "harness/rig/client_streams.h"
#include "harness/rig/folder.h"
#include "harness/rig/guardian.h"
#include "harness/rig/keeper.h"
#include "harness/rig/pcsc_host.h"
#include "harness/rig/reader_set.h"
#include "harness/signal_watch.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <exception>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string_view>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

constexpr std::chrono::seconds start_limit{10};
constexpr const char* socket_variable = "PCSCLITE_CSOCK_NAME";

std::string socket_path(const std::string& folder) {
    return folder + "/pcscd.comm";
}

/// Made before the daemon, which then serves it at once.
UniqueFd listen_at(const std::string& path) {
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (!socket || bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        listen(socket.get(), 64) != 0) {
        throw HostError(fmt::format("cannot listen at {}: {}", path, std::strerror(errno)));
    }
    return socket;
}

void make_folder(const std::string& path) {
    if (mkdir(path.c_str(), 0700) != 0) {
        throw HostError(fmt::format("cannot make the folder {}: {}", path, std::strerror(errno)));
    }
}

void remove_client_folder(const std::string& path) {
    remove_folder(path);
    std::error_code error;
    if (std::filesystem::exists(std::filesystem::symlink_status(path, error))) {
        throw HostError(fmt::format("cannot empty the clients' folder {}", path));
    }
}

std::string last_lines(const std::string& path, std::size_t count) {
    std::ifstream file(path);
    std::deque<std::string> lines;
    for (std::string line; std::getline(file, line);) {
        if (line.find("ifd-ccid.bundle") != std::string::npos) {
            continue; // a driver that the rig hid from it, which it never fails to regret
        }
        lines.push_back(line);
        if (lines.size() > count) {
            lines.pop_front();
        }
    }
    std::string text;
    for (const std::string& line : lines) {
        text += "\n  " + line;
    }
    return text;
}

std::map<std::string, std::string> own_environment() {
    std::map<std::string, std::string> variables;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        const std::size_t equals = text.find('=');
        if (equals != std::string_view::npos) {
            variables.emplace(text.substr(0, equals), text.substr(equals + 1));
        }
    }
    return variables;
}

std::vector<std::string> names_of(const std::vector<RigReaderPlan>& plans) {
    std::vector<std::string> names;
    for (const RigReaderPlan& plan : plans) {
        names.push_back(plan.name);
    }
    return names;
}

sigset_t client_mask(const SignalWatch* signals) {
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    return signals != nullptr ? signals->mask_before() : mask;
}

} // namespace

struct Rig::Parts {
    Parts(std::vector<RigReaderPlan> given_plans, const RigOptions& given_options);
    Parts(const Parts&) = delete;
    Parts& operator=(const Parts&) = delete;
    ~Parts();

    void start();
    void end();
    void check_signals() const;
    void check() const;
    void check_host() const;
    [[noreturn]] void fail(const std::string& what) const;
    void settle(std::size_t index, std::chrono::milliseconds limit, const char* state);
    void throw_card_errors() const;
    [[nodiscard]] std::map<std::string, std::string> environment() const;
    Launch launch_for(const ClientCommand& command);
    [[nodiscard]] std::map<std::string, std::string> own_folders();
    void empty_home();

    const std::vector<RigReaderPlan> plans;
    const RigOptions options;
    std::unique_ptr<ReaderSet> readers;
    std::string folder;
    std::unique_ptr<Keeper> keeper;
    std::vector<std::string> notices;
    unsigned clients = 0;
    mutable std::mutex streams_mutex;
    std::shared_ptr<ClientStreams> streams; ///< of the client that runs
    void set_streams(std::shared_ptr<ClientStreams> now);
    [[nodiscard]] std::shared_ptr<ClientStreams> client_streams() const;
};

Rig::Parts::Parts(std::vector<RigReaderPlan> given_plans, const RigOptions& given_options)
    : plans(std::move(given_plans)), options(given_options) {
    check_readers(names_of(plans), options.kind);
    const PcscHost host = find_pcsc_host([this] { check_signals(); });
    folder = rig_folder();
    readers =
        options.kind == ReaderKind::rig ? make_driver_readers(plans, folder) : make_vpcd_readers(plans, host);
    keeper = std::make_unique<Keeper>(host, readers->daemon_readers(), folder, client_mask(options.signals),
                                      readers->first());
    make_rig_folder(folder);
    try {
        make_folder(folder + "/readers");
        readers->prepare();
        keeper->start_daemon(listen_at(socket_path(folder)));
    } catch (const std::exception&) {
        remove_folder(folder);
        throw;
    }
    try {
        start();
    } catch (const std::exception&) {
        end();
        throw;
    }
}

Rig::Parts::~Parts() {
    end();
}

/// Readers' threads may wait for the daemon: it ends before them. Cards are moved as long as they serve.
void Rig::Parts::end() {
    for (std::size_t i = 0; i < plans.size(); ++i) {
        if (ReaderCard* const card = readers->reader(i).card()) {
            card->hurry();
        }
    }
    readers->stop();
    keeper->end();
    readers.reset();
    keeper.reset();
    remove_folder(folder); // the keeper did, unless it was killed
}

void Rig::Parts::start() {
    setenv(socket_variable, socket_path(folder).c_str(), 1);
    readers->start(*keeper);
    const std::string notice = keeper->wait_for_daemon();
    if (!notice.empty()) {
        notices.push_back(notice);
    }
    try {
        readers->wait_until_open(start_limit, [this] { check(); });
    } catch (const HostError& error) {
        fail(error.what());
    }
    keeper->ready();
    throw_card_errors();
    for (std::size_t i = 0; i < plans.size(); ++i) {
        if (plans[i].card != nullptr && readers->reader(i).card() == nullptr) {
            notices.push_back(fmt::format(
                "the card for {} did not start, or left at once: the reader is empty", readers->name(i)));
        }
    }
}

void Rig::Parts::check_signals() const {
    if (options.signals != nullptr) {
        if (const auto event = options.signals->take()) {
            throw Interrupted(event->signal);
        }
    }
}

void Rig::Parts::throw_card_errors() const {
    for (std::size_t i = 0; i < plans.size(); ++i) {
        if (const std::exception_ptr error = readers->reader(i).error()) {
            std::rethrow_exception(error);
        }
    }
}

void Rig::Parts::check_host() const {
    if (keeper->daemon_status()) {
        fail("the private pcscd has ended");
    }
    throw_card_errors();
}

void Rig::Parts::check() const {
    check_host();
    if (!keeper->client_runs()) {
        check_signals();
    }
}

void Rig::Parts::fail(const std::string& what) const {
    const std::string words = last_lines(daemon_log(folder), 10);
    throw HostError(words.empty() ? what : fmt::format("{}; its last words:{}", what, words));
}

void Rig::Parts::settle(std::size_t index, std::chrono::milliseconds limit, const char* state) {
    bool settled = false;
    try {
        settled = readers->reader(index).settle(limit, [this] { check(); });
    } catch (const HostError& error) {
        fail(error.what());
    }
    throw_card_errors();
    if (!settled) {
        fail(fmt::format("PC/SC does not see within {} ms that a card is {}", limit.count(), state));
    }
}

std::map<std::string, std::string> Rig::Parts::environment() const {
    std::map<std::string, std::string> variables{{socket_variable, socket_path(folder)}};
    for (std::size_t i = 0; i < plans.size(); ++i) {
        variables[i == 0 ? "CARDRIG_READER" : fmt::format("CARDRIG_READER_{}", i + 1)] = readers->name(i);
    }
    return variables;
}

/// Of a client that is about to start. What it keeps is there for those that come after it, as at home; only
/// what is temporary is its own.
std::map<std::string, std::string> Rig::Parts::own_folders() {
    const std::string home = folder + "/home";
    std::map<std::string, std::string> folders{{"HOME", home},
                                               {"XDG_CACHE_HOME", home + "/cache"},
                                               {"XDG_CONFIG_HOME", home + "/config"},
                                               {"XDG_DATA_HOME", home + "/data"},
                                               {"XDG_STATE_HOME", home + "/state"},
                                               {"XDG_RUNTIME_DIR", home + "/run"}};
    for (const auto& [name, path] : folders) {
        std::error_code error; // an earlier client may have left something in its place
        std::filesystem::create_directories(path, error);
    }
    folders["TMPDIR"] = fmt::format("{}/tmp-{}", folder, ++clients);
    make_folder(folders["TMPDIR"]);
    return folders;
}

void Rig::Parts::empty_home() {
    for (unsigned client = 1; client <= clients; ++client) {
        remove_client_folder(fmt::format("{}/tmp-{}", folder, client));
    }
    clients = 0;
    remove_client_folder(folder + "/home");
}

Launch Rig::Parts::launch_for(const ClientCommand& command) {
    std::map<std::string, std::string> variables = own_environment();
    std::erase_if(variables, [&command](const auto& variable) {
        const std::string& name = variable.first;
        return name.starts_with("CARDRIG_READER") || name == "CARDRIG_CONTROL" || // of a rig around this one
               (!command.attached && (name.starts_with("PCSCLITE_") || name.starts_with("OPENSC_")));
    });
    if (!command.attached) {
        for (const auto& [name, path] : own_folders()) {
            variables[name] = path;
        }
    }
    for (const auto& extra : {environment(), command.environment}) {
        for (const auto& [name, value] : extra) {
            variables[name] = value;
        }
    }
    Launch launch;
    launch.argv = command.argv;
    for (const auto& [name, value] : variables) {
        launch.environment.push_back(name + "=" + value);
    }
    launch.directory = std::filesystem::current_path().string();
    launch.group = command.attached ? getpgrp() : 0;
    launch.terminal = !command.attached && command.talk == ClientTalk::terminal;
    return launch;
}

void Rig::Parts::set_streams(std::shared_ptr<ClientStreams> now) {
    const std::scoped_lock lock(streams_mutex);
    streams = std::move(now);
}

std::shared_ptr<ClientStreams> Rig::Parts::client_streams() const {
    const std::scoped_lock lock(streams_mutex);
    return streams;
}

Rig::Rig(std::vector<RigReaderPlan> readers, const RigOptions& options)
    : parts_(std::make_unique<Parts>(std::move(readers), options)) {}

Rig::~Rig() = default;

std::size_t Rig::size() const {
    return parts_->plans.size();
}

ReaderKind Rig::kind() const {
    return parts_->options.kind;
}

std::string Rig::reader_name(std::size_t index) const {
    static_cast<void>(parts_->plans.at(index));
    return parts_->readers->name(index);
}

Reader& Rig::reader(std::size_t index) {
    return parts_->readers->reader(index);
}

bool Rig::insert(std::size_t index, ReaderCard& card, std::chrono::milliseconds limit) {
    reader(index).insert(card);
    parts_->settle(index, limit, "in");
    return reader(index).card() == &card;
}

void Rig::remove(std::size_t index, std::chrono::milliseconds limit) {
    reader(index).remove();
    parts_->settle(index, limit, "out");
}

bool Rig::inserted(std::size_t index) const {
    return parts_->readers->reader(index).card() != nullptr;
}

ClientResult Rig::run(const ClientCommand& command) {
    const Launch launch = parts_->launch_for(command);
    const auto streams = command.attached ? nullptr : std::make_shared<ClientStreams>(command);
    parts_->set_streams(streams);
    struct Gone {
        Parts& parts;
        ~Gone() {
            if (const auto streams = parts.client_streams()) {
                streams->close();
            }
            parts.set_streams(nullptr);
        }
    } const gone{*parts_};
    const ClientResult result =
        run_client(*parts_->keeper, parts_->options.signals, launch, command, streams.get());
    if (parts_->keeper->daemon_status()) {
        parts_->fail("the private pcscd has ended while the client ran");
    }
    parts_->throw_card_errors();
    return result;
}

void Rig::drain_client() {
    if (const auto streams = parts_->client_streams()) {
        streams->drain();
    }
}

void Rig::type_to_client(std::string_view line) {
    if (const auto streams = parts_->client_streams()) {
        streams->type(line);
    }
}

bool Rig::client_waits() const {
    const auto streams = parts_->client_streams();
    return streams && streams->client_waits();
}

void Rig::kill_client() {
    parts_->keeper->kill_client();
}

void Rig::wait_for_client_end() {
    parts_->keeper->wait_for_client_end();
}

void Rig::remove_at_end(const std::string& socket) {
    parts_->keeper->remove_at_end(socket);
}

void Rig::check() const {
    parts_->check();
}

void Rig::check_host() const {
    parts_->check_host();
}

void Rig::empty_home() {
    parts_->empty_home();
}

const std::string& Rig::folder() const {
    return parts_->folder;
}

std::map<std::string, std::string> Rig::environment() const {
    return parts_->environment();
}

std::vector<std::string> Rig::notices() const {
    return parts_->notices;
}

} // namespace cardrig::harness
