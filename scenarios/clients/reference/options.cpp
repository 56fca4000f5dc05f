#include "scenarios/clients/reference/options.h"

#include "scenarios/clients/reference/failure.h"

#include <cstdlib>
#include <iostream>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace cardrig::client {

namespace {

const std::vector<std::pair<std::string, std::string>> tasks{
    {"login", "Log in with card and passcode; says when the certificates are to be renewed"},
    {"renew", "Renew your own card's certificates"},
    {"update-card", "Look for updates of the card, and write its certificates"},
    {"assist", "Renew a holder's card in a second reader, as an agent"},
    {"unlock", "Set a new passcode with an unlock code"},
    {"change-passcode", "Change the passcode"},
    {"view", "Show whose card it is, its certificates and the tries left"},
};

const std::map<std::string, Way> ways{{"in-place", Way::in_place}, {"retired-slots", Way::retired_slots}};

std::string task_help() {
    std::string text = "Tasks:\n";
    for (const auto& [name, description] : tasks) {
        text += fmt::format("  {:<26}{}\n", name, description);
    }
    return text;
}

bool needs_authority(const std::string& task) {
    return task != "view" && task != "change-passcode";
}

/// What is missing for the task; empty if nothing is.
std::string missing(const Options& options) {
    if (!needs_authority(options.task)) {
        return {};
    }
    if (options.authority.empty() || options.trust.empty()) {
        return options.task + " needs --authority URL and --trust FILE";
    }
    if (options.token.empty()) {
        return options.task + " needs the token for the authority in AUTHORITY_TOKEN";
    }
    return {};
}

} // namespace

ReadOptions read_options(int argc, const char* const* argv) {
    Options options;
    int patience = static_cast<int>(options.patience.count());
    CLI::App app{"Renews the certificates of a PIV smartcard.", "cardrig-client"};
    app.footer(
        task_help() +
        "\nExit status: 0 done, 1 a step failed, 2 wrong words, 3 nothing is due, 4 expired, 5 locked, "
        "6 wrong card, or "
        "none,\nor too many, 7 the authority refused or does not answer, 8 cancelled.");
    std::vector<std::string> names;
    for (const auto& [name, description] : tasks) {
        names.push_back(name);
    }
    app.add_option("TASK", options.task, "What is to be done")->required()->check(CLI::IsMember(names));
    // The last one counts: whoever calls a script with options in it can say otherwise.
    app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    app.add_option("--reader", options.reader,
                   "The card's reader (the agent's): its name, or how that begins");
    app.add_option("--second-reader", options.second_reader, "The reader for the holder's card");
    app.add_option("--authority", options.authority, "https://HOST:PORT");
    app.add_option("--trust", options.trust, "Certificates that are trusted, PEM");
    app.add_option("--holder", options.holder, "Whom to assist: name or number");
    app.add_option("--role", options.role, "The role to log in with");
    app.add_option("--patience", patience, "Seconds to wait for an answer of the authority")
        ->check(CLI::Range(1, 600));
    app.add_option("--way", options.way,
                   "Where new keys are made: 'in-place', or 'retired-slots' on cards that move keys")
        ->transform(CLI::CheckedTransformer(ways));
    app.add_flag("--yes", options.yes, "Confirm what is to be confirmed");
    app.add_flag("--test-login", options.test_login,
                 "Afterwards, have the card put in again, and log in with it");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        const int status = app.exit(error);
        return {std::nullopt, status == 0 ? 0 : static_cast<int>(ExitStatus::wrong_words)};
    }
    options.patience = std::chrono::seconds(patience);
    if (const char* token = std::getenv("AUTHORITY_TOKEN")) {
        options.token = token;
    }
    if (const std::string fault = missing(options); !fault.empty()) {
        std::cerr << "Error: " << fault << "\n";
        return {std::nullopt, static_cast<int>(ExitStatus::wrong_words)};
    }
    return {options, 0};
}

} // namespace cardrig::client
