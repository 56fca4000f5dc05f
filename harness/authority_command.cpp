// cardrig authority --card NAME=PROFILE ... --folder DIR
#include "apdu/bytes.h"
#include "harness/authority/authority.h"
#include "harness/authority/authority_faults.h"
#include "harness/authority/authority_server.h"
#include "harness/card_name.h"
#include "harness/command_line.h"
#include "harness/errors.h"
#include "harness/files.h"
#include "harness/option_checks.h"
#include "harness/profile.h"
#include "harness/signal_watch.h"
#include "harness/trace_file.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <poll.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace cardrig::harness {

namespace {

namespace fs = std::filesystem;

constexpr int highest_port = 65535;

struct AuthorityCommandOptions {
    std::vector<std::string> cards;
    std::vector<std::string> changes;
    std::vector<std::string> roles;
    std::vector<std::string> revoked;
    std::vector<std::string> unlock_codes;
    std::string folder;
    std::string trace;
    int port = 0;
    std::optional<std::uint64_t> seed;
};

/// A card as it was asked for.
struct WantedCard {
    std::string name;
    std::string profile;
    ProfileOverrides set;
    std::vector<std::string> roles;
};

std::chrono::sys_seconds now() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

/// "NAME=VALUE", in which the value may hold more of them. It may be a passcode: it is not repeated.
std::pair<std::string, std::string> split(const std::string& word, const std::string& option, char at,
                                          const std::string& form) {
    const std::size_t found = word.find(at);
    if (found == 0 || found == std::string::npos || found + 1 == word.size()) {
        throw RequestError(fmt::format("{} wants {}", option, form));
    }
    return {word.substr(0, found), word.substr(found + 1)};
}

WantedCard& card_named(std::vector<WantedCard>& cards, const std::string& name, const std::string& option) {
    const auto found = std::ranges::find(cards, name, &WantedCard::name);
    if (found == cards.end()) {
        std::vector<std::string> names;
        std::ranges::transform(cards, std::back_inserter(names), &WantedCard::name);
        throw RequestError(
            fmt::format("{}: no card is called '{}'; there is: {}", option, name, fmt::join(names, ", ")));
    }
    return *found;
}

void add_change(std::vector<WantedCard>& cards, const std::string& change) {
    const std::string form = "NAME:KEY=VALUE, such as holder:certificates.9A.expires='30 days'";
    const auto [name, rest] = split(change, "--set", ':', form);
    const auto [key, value] = split(rest, "--set", '=', form);
    if (!card_named(cards, name, "--set").set.emplace(key, value).second) {
        throw RequestError(fmt::format("--set gives '{}:{}' twice", name, key));
    }
}

std::vector<WantedCard> wanted_cards(const AuthorityCommandOptions& options) {
    std::vector<WantedCard> cards;
    for (const std::string& word : options.cards) {
        const auto [name, profile] = split(word, "--card", '=', "NAME=PROFILE, such as holder=piv-staff");
        if (const auto good = card_name(name); !good) {
            throw RequestError(fmt::format("--card: {}", good.error().message));
        }
        if (std::ranges::find(cards, name, &WantedCard::name) != cards.end()) {
            throw RequestError(fmt::format("--card: two cards are called '{}'", name));
        }
        cards.push_back({name, profile, {}, {}});
    }
    for (const std::string& change : options.changes) {
        add_change(cards, change);
    }
    for (const std::string& word : options.roles) {
        const auto [name, role] = split(word, "--role", '=', "NAME=agent or NAME=staff");
        if (role != "agent" && role != "staff") {
            throw RequestError(fmt::format("--role: '{}' is no role; there is: staff, agent", role));
        }
        card_named(cards, name, "--role").roles.push_back(role);
    }
    for (const std::string& name : options.revoked) {
        card_named(cards, name, "--revoke");
    }
    for (const std::string& name : options.unlock_codes) {
        card_named(cards, name, "--unlock-code");
    }
    return cards;
}

std::string make_folder(const std::string& folder) {
    std::error_code error;
    if (fs::create_directories(folder, error)) {
        fs::permissions(folder, fs::perms::owner_all, error); // the cards are in it, and the token
    }
    if (error) {
        throw RequestError(fmt::format("--folder {}: {}", folder, error.message()));
    }
    if (!fs::is_directory(folder)) {
        throw RequestError(fmt::format("--folder {}: this is no folder", folder));
    }
    return fs::absolute(folder).lexically_normal().string();
}

/// Issues the cards, and writes them; gives their GUIDs by name.
std::map<std::string, std::string> issue(Authority& authority, const std::vector<WantedCard>& cards,
                                         const std::string& folder) {
    std::map<std::string, std::string> guids;
    for (const WantedCard& wanted : cards) {
        MakeOptions options;
        options.overrides = wanted.set;
        options.now = now();
        options.identity = guids.empty() ? std::string() : wanted.name;
        options.issuer = &authority;
        const MadeCard made = make_card(wanted.profile, options);
        if (made.guid.empty()) {
            throw RequestError(
                fmt::format("--card {}={}: this card has no GUID, so the authority cannot know it; "
                            "take a profile with a CHUID",
                            wanted.name, wanted.profile));
        }
        if (wanted.roles.empty()) {
            authority.enrol(made, wanted.name);
        } else {
            authority.enrol(made, wanted.name, wanted.roles);
        }
        write_file(fmt::format("{}/{}.card", folder, wanted.name), made.image.serialize());
        guids[wanted.name] = apdu::to_hex(made.guid);
    }
    return guids;
}

/// What is written there.
std::vector<std::string> files_in(const std::string& folder, const std::vector<WantedCard>& cards) {
    std::vector<std::string> files{folder + "/root.crt", folder + "/ca.crt", folder + "/token",
                                   folder + "/url"};
    for (const WantedCard& card : cards) {
        files.push_back(fmt::format("{}/{}.card", folder, card.name));
        files.push_back(fmt::format("{}/{}.unlock-code", folder, card.name));
    }
    return files;
}

/// One line, so that whoever started it knows when to go on.
void tell_ready(const AuthorityServer& server, const std::string& folder) {
    const nlohmann::json line{{"url", server.url()},
                              {"port", server.port()},
                              {"root", folder + "/root.crt"},
                              {"token-file", folder + "/token"},
                              {"folder", folder}};
    fmt::print("{}\n", line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    if (std::fflush(stdout) != 0) {
        throw HostError("cannot write to standard output");
    }
}

void wait_for_signal(const SignalWatch& signals) {
    while (!signals.take()) {
        pollfd watched{signals.descriptor(), POLLIN, 0};
        poll(&watched, 1, -1);
    }
}

/// Its requests, as they come. A disk that is full ends the trace and nothing else.
class RequestTrace final {
public:
    explicit RequestTrace(const std::string& path) {
        if (!path.empty()) {
            file_.emplace(path);
            trace_.set_listener([this](const TraceEvent& event) { write(event); });
        }
    }

    [[nodiscard]] Trace& trace() { return trace_; }
    [[nodiscard]] bool whole() const { return !failed_; }

private:
    /// Under the trace's lock.
    void write(const TraceEvent& event) {
        if (failed_) {
            return;
        }
        try {
            file_->write(event);
        } catch (const RequestError& error) {
            failed_ = true;
            fmt::print(stderr, "cardrig authority: {}; the authority goes on\n", error.what());
        }
    }

    std::optional<TraceFile> file_;
    std::atomic<bool> failed_ = false;
    Trace trace_{false, Trace::Keep::nothing};
};

int serve_authority(const AuthorityCommandOptions& options) {
    const std::vector<WantedCard> cards = wanted_cards(options);
    const SignalWatch signals;
    AuthorityOptions made;
    made.seed = options.seed;
    made.now = now;
    Authority authority(made);
    const std::string folder = make_folder(options.folder);
    if (!options.trace.empty()) {
        check_trace_place(options.trace, files_in(folder, cards));
    }
    const auto guids = issue(authority, cards, folder);
    for (const std::string& name : options.revoked) {
        authority.revoke(guids.at(name));
    }
    for (const std::string& name : options.unlock_codes) {
        write_file(fmt::format("{}/{}.unlock-code", folder, name),
                   authority.unlock_code(guids.at(name)) + "\n");
    }
    RequestTrace requests(options.trace);
    AuthorityFaults faults(requests.trace());
    AuthorityServer::Options server_options;
    server_options.port = options.port;
    const AuthorityServer server(authority, faults, requests.trace(), server_options);
    write_file(folder + "/root.crt", std::string_view(authority.root_pem()));
    write_file(folder + "/ca.crt", std::string_view(authority.certificate_pem()));
    write_file(folder + "/token", server.token() + "\n");
    write_file(folder + "/url", server.url() + "\n");
    tell_ready(server, folder);
    wait_for_signal(signals);
    return static_cast<int>(requests.whole() ? ExitStatus::all_held : ExitStatus::something_did_not);
}

CLI::Option* add_list(CLI::App& command, const std::string& name, std::vector<std::string>& words,
                      const std::string& description, const std::string& type) {
    return command.add_option(name, words, description)
        ->type_name(type)
        ->expected(1)
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->check(not_empty());
}

void add_options(CLI::App& command, AuthorityCommandOptions& options) {
    add_list(command, "--card", options.cards,
             "A card that this authority issues, by a profile; repeatable. The first one is as its profile "
             "says, others "
             "have a GUID and keys of their own",
             "NAME=PROFILE")
        ->required();
    add_list(command, "--set", options.changes, "Change a value of a card's profile; repeatable",
             "NAME:KEY=VALUE");
    add_list(command, "--role", options.roles,
             "What the card's holder is: staff (without this) or agent; repeatable", "NAME=ROLE");
    add_list(command, "--revoke", options.revoked, "Revoke the card's certificates; repeatable", "NAME");
    add_list(
        command, "--unlock-code", options.unlock_codes,
        "Draw an unlock code for the card, good for 15 minutes, and write it to NAME.unlock-code; repeatable",
        "NAME");
    command
        .add_option("--folder", options.folder,
                    "Where the cards, root.crt, ca.crt, token and url are written")
        ->type_name("DIR")
        ->required()
        ->check(not_empty());
    command.add_option("--port", options.port, "Of 127.0.0.1; a free one without this")
        ->type_name("N")
        ->check(CLI::Range(1, highest_port));
    command.add_option("--trace", options.trace, "Write each request here, as JSON lines")
        ->type_name("FILE")
        ->check(not_empty());
    command.add_option("--seed", options.seed, "Make its keys reproducible")->check(counting_number());
}

} // namespace

void add_authority_command(CLI::App& app, int& status) {
    CLI::App* const command =
        app.add_subcommand("authority", "Run the test registration authority over HTTPS, until interrupted");
    const auto options = std::make_shared<AuthorityCommandOptions>();
    add_options(*command, *options);
    command->footer(
        "Makes the cards, writes them to the folder as NAME.card, and serves their holders on 127.0.0.1: a "
        "JSON API\n"
        "and EST (RFC 7030), with the token that is in the folder (mode 0600). When it is ready, a line of "
        "JSON on\n"
        "standard output says where it is. Keys and secrets are new each time: cards of an earlier authority "
        "in the\n"
        "folder are replaced where they have the same name. SIGINT, SIGTERM and SIGHUP end it.\n"
        "\n"
        "Examples:\n"
        "  cardrig authority --card holder=piv-staff --folder ra \\\n"
        "      --set holder:certificates.9A.expires='30 days' --set holder:certificates.9C.expires='30 "
        "days'\n"
        "  cardrig authority --card holder=piv-staff --card agent=piv-staff --role agent=agent --folder ra\n"
        "  cardrig exec --card ra/holder.card -- my-client --url \"$(cat ra/url)\" --ca ra/root.crt\n"
        "  curl --cacert ra/root.crt -H \"Authorization: Bearer $(cat ra/token)\" \"$(cat "
        "ra/url)/api/revocations\"\n"
        "\n"
        "Exit status: 0 ended by a signal; 1 a part of the trace is missing; 2 the request was wrong; 3 this "
        "host cannot do it.");
    command->callback([options, &status] { status = serve_authority(*options); });
}

} // namespace cardrig::harness
