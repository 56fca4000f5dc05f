// cardrig card new | show | diff: make card images, look at them, compare them.
#include "emulator/inspection.h"
#include "harness/card_diff.h"
#include "harness/card_text.h"
#include "harness/command_line.h"
#include "harness/errors.h"
#include "harness/files.h"
#include "harness/profile.h"

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace cardrig::harness {

namespace {

std::chrono::sys_seconds today() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

emulator::CardState look_into(const std::string& name, const emulator::CardImage& image) {
    auto state = emulator::inspect(image);
    if (!state) {
        throw RequestError(fmt::format("{}: {}", name, state.error().message));
    }
    return std::move(*state);
}

void print(const nlohmann::json& json) {
    // What a certificate says need not be UTF-8.
    fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

struct NewCard {
    std::string profile;
    std::string file;
    std::vector<std::string> changes;
    bool fresh_keys = false;
};

ProfileOverrides overrides_from(const std::vector<std::string>& changes) {
    ProfileOverrides overrides;
    for (const std::string& change : changes) {
        const std::size_t equals = change.find('=');
        // The value may be a passcode: only the key is repeated.
        const std::string key = change.substr(0, equals);
        if (equals == std::string::npos || key.empty()) {
            throw RequestError("--set wants KEY=VALUE, such as passcode.tries=5");
        }
        if (!overrides.emplace(key, change.substr(equals + 1)).second) {
            throw RequestError(fmt::format("--set gives '{}' twice", key));
        }
    }
    return overrides;
}

void make_new(const NewCard& wanted) {
    const MakeOptions options{overrides_from(wanted.changes), today(), wanted.fresh_keys};
    write_file(wanted.file, make_card(wanted.profile, options).image.serialize());
}

void show(const std::string& card, bool json) {
    const auto now = today();
    const emulator::CardImage image = open_card(card, {{}, now, false});
    const emulator::CardState state = look_into(card, image);
    if (json) {
        print(card_json(image, state, now));
    } else {
        fmt::print("{}", card_text(image, state, now));
    }
}

/// As diff does: 0 where there is no difference, 1 where there is one.
ExitStatus compare(const std::string& first, const std::string& second, bool json) {
    const MakeOptions options{{}, today(), false};
    const emulator::CardImage before = open_card(first, options);
    const emulator::CardImage after = open_card(second, options);
    const auto differences =
        compare_cards({before, look_into(first, before)}, {after, look_into(second, after)});
    if (json) {
        print(differences_json(differences));
    } else {
        for (const std::string& line : difference_lines(differences)) {
            fmt::print("{}\n", line);
        }
    }
    return differences.empty() ? ExitStatus::all_held : ExitStatus::something_did_not;
}

void add_new(CLI::App& card) {
    CLI::App* command = card.add_subcommand("new", "Make a card from a profile and save it as an image");
    const auto wanted = std::make_shared<NewCard>();
    command->add_option("PROFILE", wanted->profile, "A shipped profile's name or a YAML file")->required();
    command->add_option("-o,--output", wanted->file, "The image to write, as a file of mode 0600")
        ->required();
    command
        ->add_option("--set", wanted->changes,
                     "KEY=VALUE: change a value of the profile by its dotted key; repeatable")
        ->expected(1)
        ->take_all();
    command->add_flag("--fresh-keys", wanted->fresh_keys,
                      "Make key pairs and a GUID that no other card has, instead of the profile's test keys");
    command->footer("Example:\n  cardrig card new piv-staff -o locked.card --set passcode.tries-left=0");
    command->callback([wanted] { make_new(*wanted); });
}

void add_show(CLI::App& card) {
    CLI::App* command = card.add_subcommand("show", "Tell what is on a card; no secret is shown");
    const auto name = std::make_shared<std::string>();
    const auto json = std::make_shared<bool>(false);
    command->add_option("CARD", *name, "A card image, a shipped profile's name, or a profile")->required();
    command->add_flag("--json", *json, "For programs");
    command->footer("Example:\n  cardrig card show a.card --json");
    command->callback([name, json] { show(*name, *json); });
}

void add_diff(CLI::App& card, int& status) {
    CLI::App* command = card.add_subcommand(
        "diff", "Tell what is different between two cards, by meaning; 0 if nothing is, 1 if something is");
    const auto names = std::make_shared<std::pair<std::string, std::string>>();
    const auto json = std::make_shared<bool>(false);
    command->add_option("BEFORE", names->first, "A card image or a profile")->required();
    command->add_option("AFTER", names->second, "A card image or a profile")->required();
    command->add_flag("--json", *json, "For programs");
    command->footer("Example:\n  cardrig card diff before.card after.card");
    command->callback(
        [names, json, &status] { status = static_cast<int>(compare(names->first, names->second, *json)); });
}

} // namespace

void add_card_command(CLI::App& app, int& status) {
    CLI::App* card = app.add_subcommand("card", "Make, show and compare card images");
    card->require_subcommand(1);
    add_new(*card);
    add_show(*card);
    add_diff(*card, status);
}

} // namespace cardrig::harness
