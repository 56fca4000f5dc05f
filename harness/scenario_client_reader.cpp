// The scenario language: the client, which is a command line, or one that is known by name with its task.
#include "harness/braces.h"
#include "harness/errors.h"
#include "harness/scenario_parts.h"

#include <algorithm>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

constexpr const char* reference_client = "cardrig-client";

std::string checked_word(const YamlValue& value, const std::vector<std::string>& placeholders) {
    const std::string text = value.text();
    try {
        check_placeholders(text, placeholders);
    } catch (const RequestError& error) {
        value.refuse(error.what());
    }
    return text;
}

/// {task}, too, which a client that is known by name has, and a command line of its own has not.
std::string client_word(const YamlValue& value, const Scenario& scenario) {
    std::vector<std::string> names = placeholder_names(scenario);
    names.emplace_back("task");
    return checked_word(value, names);
}

std::vector<std::string> read_command_words(const YamlValue& value, const char* key,
                                            const Scenario& scenario) {
    if (!value.is_sequence()) {
        value.refuse(fmt::format("'{}' is a list: [word, word, ...]; no shell reads it", key));
    }
    std::vector<std::string> words;
    for (const YamlValue& word : value.sequence()) {
        words.push_back(client_word(word, scenario));
    }
    return words;
}

void read_command(const YamlValue& value, const Scenario& scenario, ScenarioClient& client) {
    client.command = read_command_words(value, "command", scenario);
    if (client.command.empty() || client.command.front().empty()) {
        value.refuse("'command' names no program");
    }
}

/// What belongs to a described client alone.
void refuse_description_keys(YamlMapping& mapping) {
    for (const char* const key : {"use", "task", "arguments"}) {
        if (mapping.take(key)) {
            mapping.refuse_key(
                key, fmt::format("'{}' is said of a client that is known by name, and 'command' is the "
                                 "whole command line: one of the two",
                                 key));
        }
    }
}

/// The file's name without .yaml, as clients/README.md has it; no path.
std::string read_use(const YamlValue& value) {
    std::string name = written(value);
    if (name.find('/') != std::string::npos || name.ends_with(".yaml") || name.front() == '.') {
        value.refuse(
            fmt::format("'{}' is no client's name: it is that of a file NAME.yaml in the library's folder "
                        "clients, without .yaml",
                        name));
    }
    return name;
}

void read_described(YamlMapping& mapping, const Scenario& scenario, const ScenarioClient* earlier,
                    ScenarioClient& client) {
    const auto use = mapping.take("use");
    client.use = use                                           ? read_use(*use)
                 : earlier != nullptr && !earlier->use.empty() ? earlier->use
                                                               : reference_client;
    const auto task = mapping.take("task");
    if (!task) {
        mapping.refuse(
            "a client wants 'task' (of a client that is known by name) or 'command' (a command line)");
    }
    client.task = task->word(client_tasks());
    if (const auto arguments = mapping.take("arguments")) {
        client.arguments = read_command_words(*arguments, "arguments", scenario);
    }
}

void check_task(const YamlValue& value, const ScenarioClient& client) {
    const auto wants = [](const std::string& word) { return holds_placeholder(word, "task"); };
    const bool in_environment =
        std::ranges::any_of(client.environment, [&](const auto& variable) { return wants(variable.second); });
    if (client.use.empty() && (in_environment || std::ranges::any_of(client.command, wants))) {
        value.refuse(
            "'{task}' in a 'command', which has no task: only a client that is known by name has one");
    }
}

} // namespace

std::string with_placeholders(const YamlValue& value, const Scenario& scenario) {
    return checked_word(value, placeholder_names(scenario));
}

ScenarioClient read_client(const YamlValue& value, const Scenario& scenario, const ScenarioClient* earlier) {
    ScenarioClient client;
    client.place = value.place();
    YamlMapping mapping = value.mapping();
    if (const auto command = mapping.take("command")) {
        read_command(*command, scenario, client);
        refuse_description_keys(mapping);
    } else {
        read_described(mapping, scenario, earlier, client);
    }
    if (const auto environment = mapping.take("environment")) {
        YamlMapping variables = environment->mapping();
        for (const std::string& name : variables.keys()) {
            if (name.empty() || name.find_first_of("= \t") != std::string::npos) {
                variables.refuse_key(name, fmt::format("'{}' is no name of a variable", name));
            }
            client.environment[name] = client_word(variables.require(name), scenario);
        }
    }
    if (const auto limit = mapping.take("limit")) {
        client.limit = limit->duration();
        if (client.limit < std::chrono::seconds(1) || client.limit > std::chrono::hours(24)) {
            limit->refuse("'limit' is 1 second to 1 day");
        }
    }
    if (const auto control = mapping.take("control")) {
        client.control = control->boolean();
    }
    mapping.finish();
    check_task(value, client);
    return client;
}

} // namespace cardrig::harness
