#include "harness/rig.h"

#include "harness/errors.h"
#include "harness/rig/client_run.h"
#include "harness/rig/folder.h"
#include "harness/rig/guardian.h"
#include "harness/rig/keeper.h"
#include "harness/rig/pcsc_host.h"
#include "harness/rig/reader_watch.h"
#include "harness/signal_watch.h"
#include "harness/vpcd_link.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <exception>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

constexpr std::size_t max_vpcd_cards = 2;
constexpr std::chrono::seconds start_limit{10};
constexpr const char* socket_variable = "PCSCLITE_CSOCK_NAME";

std::string socket_path(const std::string& folder) {
    return folder + "/pcscd.comm";
}

std::string reader_at(std::size_t index) {
    return fmt::format("Virtual PCD 00 {:02X}", index);
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

sigset_t client_mask(const SignalWatch* signals) {
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    return signals != nullptr ? signals->mask_before() : mask;
}

} // namespace

struct Rig::Parts {
    Parts(std::vector<ReaderCard*> given_cards, const RigOptions& options);
    ~Parts();

    void start(const RigOptions& options);
    void check() const;
    void check_signals() const;
    [[noreturn]] void fail(const std::string& what) const;
    void connect(std::size_t index, std::chrono::milliseconds limit);
    [[nodiscard]] bool left(std::size_t index) const { return links[index] && !links[index]->connected(); }
    [[nodiscard]] bool wait_until_in(std::size_t index, std::chrono::milliseconds limit);
    void wait_until_out(std::size_t index, std::chrono::milliseconds limit);
    [[nodiscard]] Launch launch_for(const ClientCommand& command,
                                    const std::map<std::string, std::string>& rig);

    std::vector<ReaderCard*> cards;
    const SignalWatch* signals;
    std::string folder;
    std::unique_ptr<Keeper> keeper;
    ReaderWatch watch;
    std::vector<std::unique_ptr<VpcdLink>> links;
    std::vector<std::string> notices;
    unsigned clients = 0;
};

Rig::Parts::Parts(std::vector<ReaderCard*> given_cards, const RigOptions& options)
    : cards(std::move(given_cards)), signals(options.signals), watch([this] { check(); }),
      links(cards.size()) {
    if (cards.empty() || cards.size() > max_vpcd_cards) {
        throw RequestError(fmt::format("{} cards: vpcd has readers for one or two", cards.size()));
    }
    const PcscHost host = find_pcsc_host([this] { check_signals(); });
    folder = make_rig_folder();
    try {
        make_folder(folder + "/readers");
        UniqueFd listener = listen_at(socket_path(folder));
        const ConnectionRequest first{options.cards_in ? (1U << cards.size()) - 1 : 0, start_limit};
        keeper = std::make_unique<Keeper>(host, folder, std::move(listener), client_mask(signals), first);
    } catch (const std::exception&) {
        remove_folder(folder);
        throw;
    }
    try {
        start(options);
    } catch (const std::exception&) {
        links.clear();
        keeper.reset();
        throw;
    }
}

Rig::Parts::~Parts() {
    links.clear();
    keeper.reset();
    remove_folder(folder); // the keeper did, unless it was killed
}

void Rig::Parts::start(const RigOptions& options) {
    setenv(socket_variable, socket_path(folder).c_str(), 1);
    for (std::size_t i = 0; options.cards_in && i < cards.size(); ++i) {
        try {
            links[i] = std::make_unique<VpcdLink>(
                keeper->take_connection(static_cast<int>(i), [this] { check_signals(); }), *cards[i]);
        } catch (const HostError& error) {
            static_cast<void>(keeper->wait_for_daemon()); // knows better, if the daemon did not start at all
            fail(error.what());
        }
    }
    const std::string notice = keeper->wait_for_daemon();
    if (!notice.empty()) {
        notices.push_back(notice);
    }
    std::vector<std::string> readers;
    for (std::size_t i = 0; i < cards.size(); ++i) {
        readers.push_back(reader_at(i));
    }
    try {
        watch.open(readers, start_limit);
    } catch (const HostError& error) {
        fail(error.what());
    }
    keeper->ready();
    for (std::size_t i = 0; options.cards_in && i < cards.size(); ++i) {
        if (!wait_until_in(i, start_limit)) {
            notices.push_back(fmt::format(
                "the card for {} did not start, or left at once: the reader is empty", reader_at(i)));
        }
    }
}

void Rig::Parts::check_signals() const {
    if (signals != nullptr) {
        if (const auto event = signals->take()) {
            throw Interrupted(event->signal);
        }
    }
}

/// Called while waiting for PC/SC: throws where it is in vain.
void Rig::Parts::check() const {
    if (keeper->daemon_status()) {
        fail("the private pcscd has ended");
    }
    check_signals();
    for (const auto& link : links) {
        if (link && link->error()) {
            std::rethrow_exception(link->error());
        }
    }
}

void Rig::Parts::fail(const std::string& what) const {
    const std::string words = last_lines(daemon_log(folder), 10);
    throw HostError(words.empty() ? what : fmt::format("{}; its last words:{}", what, words));
}

void Rig::Parts::connect(std::size_t index, std::chrono::milliseconds limit) {
    const auto slot = static_cast<int>(index);
    keeper->request_connections({1U << index, limit});
    links[index] =
        std::make_unique<VpcdLink>(keeper->take_connection(slot, [this] { check_signals(); }), *cards[index]);
}

/// False if the card left by itself before anybody saw it.
bool Rig::Parts::wait_until_in(std::size_t index, std::chrono::milliseconds limit) {
    if (watch.wait_for_card(reader_at(index), true, limit, [&] { return left(index); })) {
        return true;
    }
    if (!left(index)) {
        fail(fmt::format("PC/SC does not see within {} ms that a card is in", limit.count()));
    }
    if (links[index]->error()) {
        std::rethrow_exception(links[index]->error());
    }
    return false;
}

void Rig::Parts::wait_until_out(std::size_t index, std::chrono::milliseconds limit) {
    if (!watch.wait_for_card(reader_at(index), false, limit, [] { return false; })) {
        fail(fmt::format("PC/SC does not see within {} ms that a card is out", limit.count()));
    }
}

Launch Rig::Parts::launch_for(const ClientCommand& command, const std::map<std::string, std::string>& rig) {
    std::map<std::string, std::string> variables = own_environment();
    std::erase_if(variables, [&command](const auto& variable) {
        const std::string& name = variable.first;
        return name.starts_with("CARDRIG_READER") ||
               (!command.attached && (name.starts_with("PCSCLITE_") || name.starts_with("OPENSC_")));
    });
    if (!command.attached) {
        const std::string home = fmt::format("{}/client-{}", folder, ++clients);
        make_folder(home);
        variables["HOME"] = home;
        for (const auto& [name, part] :
             std::vector<std::pair<std::string, std::string>>{{"TMPDIR", "tmp"},
                                                              {"XDG_CACHE_HOME", "cache"},
                                                              {"XDG_CONFIG_HOME", "config"},
                                                              {"XDG_DATA_HOME", "data"},
                                                              {"XDG_STATE_HOME", "state"},
                                                              {"XDG_RUNTIME_DIR", "run"}}) {
            variables[name] = home + "/" + part;
            make_folder(variables[name]);
        }
    }
    for (const auto& extra : {rig, command.environment}) {
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
    return launch;
}

Rig::Rig(std::vector<ReaderCard*> cards, const RigOptions& options)
    : parts_(std::make_unique<Parts>(std::move(cards), options)) {}

Rig::~Rig() = default;

std::string Rig::reader_name(std::size_t index) const {
    static_cast<void>(parts_->cards.at(index));
    return reader_at(index);
}

bool Rig::insert(std::size_t index, std::chrono::milliseconds limit) {
    if (parts_->links.at(index) && parts_->links[index]->connected()) {
        return true;
    }
    if (parts_->links[index]) {
        // It left by itself: put in before the daemon has seen that, it would never have been away.
        remove(index, limit);
    }
    parts_->connect(index, limit);
    return parts_->wait_until_in(index, limit);
}

void Rig::remove(std::size_t index, std::chrono::milliseconds limit) {
    if (!parts_->links.at(index)) {
        return;
    }
    parts_->links[index].reset();
    parts_->wait_until_out(index, limit);
}

bool Rig::inserted(std::size_t index) const {
    return parts_->links.at(index) && parts_->links[index]->connected();
}

ClientResult Rig::run(const ClientCommand& command) {
    const Launch launch = parts_->launch_for(command, environment());
    const ClientResult result = run_client(*parts_->keeper, parts_->signals, launch, command);
    if (parts_->keeper->daemon_status()) {
        parts_->fail("the private pcscd has ended while the client ran");
    }
    for (const auto& link : parts_->links) {
        if (link && link->error()) {
            std::rethrow_exception(link->error());
        }
    }
    return result;
}

const std::string& Rig::folder() const {
    return parts_->folder;
}

std::map<std::string, std::string> Rig::environment() const {
    std::map<std::string, std::string> variables{{socket_variable, socket_path(parts_->folder)}};
    for (std::size_t i = 0; i < parts_->cards.size(); ++i) {
        variables[i == 0 ? "CARDRIG_READER" : fmt::format("CARDRIG_READER_{}", i + 1)] = reader_name(i);
    }
    return variables;
}

std::vector<std::string> Rig::notices() const {
    return parts_->notices;
}

} // namespace cardrig::harness
