#include "harness/client_description.h"

#include "harness/errors.h"
#include "harness/files.h"
#include "harness/patterns.h"
#include "harness/scenario.h"
#include "harness/scenario_parts.h"
#include "harness/yaml.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

namespace cardrig::harness {

namespace fs = std::filesystem;

namespace {

bool is_yaml(const fs::path& path) {
    return path.extension() == ".yaml" || path.extension() == ".yml";
}

/// Braces that have their other one; which names there are depends on the scenario.
std::string read_description_word(const YamlValue& value) {
    const std::string text = value.text();
    for (std::size_t at = 0; at < text.size(); ++at) {
        const bool brace = text[at] == '{' || text[at] == '}';
        if (brace && at + 1 < text.size() && text[at + 1] == text[at]) {
            ++at;
            continue;
        }
        const std::size_t end = text[at] == '{' ? text.find_first_of("{}", at + 1) : std::string::npos;
        if (brace && (end == std::string::npos || text[end] == '{' || end == at + 1)) {
            value.refuse(
                fmt::format("a brace without its other one in '{}' (a brace itself is written twice)", text));
        }
        at = brace ? end : at;
    }
    return text;
}

std::vector<std::string> read_command(const YamlValue& value) {
    if (!value.is_sequence()) {
        value.refuse("a task's command is a list: [program, argument, ...]; no shell reads it");
    }
    std::vector<std::string> command;
    for (const YamlValue& word : value.sequence()) {
        command.push_back(read_description_word(word));
    }
    if (command.empty() || command.front().empty()) {
        value.refuse("this command names no program");
    }
    return command;
}

void read_commands(const YamlValue& value, ClientDescription& client) {
    YamlMapping mapping = value.mapping();
    for (const std::string& task : client_tasks()) {
        if (const auto command = mapping.take(task)) {
            client.commands[task] = read_command(*command);
        }
    }
    mapping.finish();
    if (client.commands.empty()) {
        value.refuse("'commands' has no task: a client that can do nothing");
    }
}

void read_meanings(const YamlValue& value, ClientDescription& client) {
    YamlMapping mapping = value.mapping();
    for (const std::string& meaning : client_meanings()) {
        if (const auto pattern = mapping.take(meaning)) {
            client.words[meaning] = read_pattern(*pattern);
        }
    }
    mapping.finish();
}

void read_environment(const YamlValue& value, ClientDescription& client) {
    YamlMapping mapping = value.mapping();
    for (const std::string& name : mapping.keys()) {
        if (name.empty() || name.find_first_of("= \t") != std::string::npos) {
            mapping.refuse_key(name, fmt::format("'{}' is no name of a variable", name));
        }
        client.environment[name] = read_description_word(mapping.require(name));
    }
}

fs::path description_file(const std::string& library, const std::string& name) {
    if (is_description_file(name)) {
        if (!fs::is_regular_file(name)) {
            throw RequestError(fmt::format("{}: no such client description", name));
        }
        return name;
    }
    const fs::path folder = fs::path(library) / "clients";
    for (const char* const extension : {".yaml", ".yml"}) {
        const fs::path path = folder / (name + extension);
        if (fs::is_regular_file(path)) {
            return path;
        }
    }
    const std::vector<std::string> known = described_clients(library);
    throw RequestError(
        known.empty()
            ? fmt::format("client '{}' is unknown: there is no description (NAME.yaml) in {}", name,
                          folder.string())
            : fmt::format("client {} (descriptions in {})", unknown_word(name, known), folder.string()));
}

} // namespace

const std::vector<std::string>& client_meanings() {
    static const std::vector<std::string> meanings{
        "success",         "pending",          "writing",   "done",       "notice",           "not-due",
        "updates",         "no-updates",       "expired",   "locked",     "wrong-passcode",   "card-problem",
        "wrong-card",      "too-many-cards",   "no-card",   "logged-out", "logged-in",        "admin-key",
        "cannot",          "with-errors",      "contact",   "unlocked",   "passcode-changed", "mismatch",
        "bad-passcode",    "wrong-code",       "late-code", "cancelled",  "finishing",        "no-role",
        "bad-certificate", "authority-problem"};
    return meanings;
}

const std::vector<std::string>& client_abilities() {
    static const std::vector<std::string> abilities{
        "authority", "management-key-service", "terminal", "two-readers", "check-certificates",
        "finish",    "retry-authority",        "notice",   "test-login",  "move-keys"};
    return abilities;
}

bool is_description_file(std::string_view name) {
    return is_yaml(fs::path(name));
}

std::vector<std::string> described_clients(const std::string& library) {
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator at(fs::path(library) / "clients", error), end; !error && at != end;
         at.increment(error)) {
        if (is_yaml(at->path())) {
            names.push_back(at->path().stem().string());
        }
    }
    std::ranges::sort(names);
    return names;
}

ClientDescription parse_client_description(std::string_view text, const std::string& file) {
    ClientDescription client;
    client.file = file;
    client.name = fs::path(file).stem().string();
    YamlMapping mapping = YamlValue::parse(text, file).mapping();
    read_commands(mapping.require("commands"), client);
    if (const auto environment = mapping.take("environment")) {
        read_environment(*environment, client);
    }
    if (const auto can = mapping.take("can")) {
        const std::vector<std::string> abilities = read_words(*can, client_abilities());
        client.can = {abilities.begin(), abilities.end()};
    }
    if (const auto words = mapping.take("words")) {
        read_meanings(*words, client);
    }
    mapping.finish();
    return client;
}

ClientDescription load_client_description(const std::string& library, const std::string& name) {
    const fs::path path = description_file(library, name);
    const apdu::Bytes bytes = read_file(path.string());
    ClientDescription client =
        parse_client_description({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path.string());
    client.folder = fs::absolute(path).lexically_normal().parent_path().string();
    return client;
}

} // namespace cardrig::harness
