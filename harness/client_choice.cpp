#include "harness/client_choice.h"

#include "harness/braces.h"
#include "harness/errors.h"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace cardrig::harness {

namespace {

/// A text in which every brace is written twice.
std::string braced_twice(const std::string& text) {
    std::string twice;
    for (const char c : text) {
        twice.append(c == '{' || c == '}' ? 2 : 1, c);
    }
    return twice;
}

/// In a description {folder} is the folder of the description.
std::string of_description(const std::string& word, const ClientDescription& client) {
    return fill_known(word, [&](const std::string& name) -> std::optional<std::string> {
        return name == "folder" ? std::optional(braced_twice(client.folder)) : std::nullopt;
    });
}

void check_word(const std::string& word, const Scenario& scenario, const std::string& where) {
    try {
        check_placeholders(word, placeholder_names(scenario));
    } catch (const RequestError& error) {
        throw RequestError(fmt::format("{}: {}", where, error.what()));
    }
}

/// Why a described client is not fit for a scenario; empty: it is.
std::string unfit(const ClientDescription& client, const ScenarioClient& run, const Scenario& scenario) {
    if (run.task.empty()) {
        return fmt::format("it runs a command line of its own, which is no task for '{}'", client.name);
    }
    if (!client.commands.contains(run.task)) {
        return fmt::format("'{}' has no command for the task '{}'", client.name, run.task);
    }
    std::vector<std::string> missing;
    std::ranges::copy_if(scenario.needs, std::back_inserter(missing),
                         [&](const std::string& need) { return !client.can.contains(need); });
    return missing.empty() ? ""
                           : fmt::format("'{}' is not able to: {}", client.name, fmt::join(missing, ", "));
}

/// The task is known by now; what cards, readers and authority are called is not.
void fill_task(const Scenario& scenario, ScenarioClient& run, const std::string& where) {
    const auto filled = [&](const std::string& word) {
        std::string text = fill_known(word, [&](const std::string& name) {
            return name == "task" ? std::optional(run.task) : std::nullopt;
        });
        check_word(text, scenario, where);
        return text;
    };
    std::ranges::transform(run.command, run.command.begin(), filled);
    for (auto& [name, value] : run.environment) {
        value = filled(value);
    }
}

void use_description(const ClientDescription& client, const Scenario& scenario, ScenarioClient& run) {
    run.use = client.name;
    run.command.clear();
    for (const std::string& word : client.commands.at(run.task)) {
        run.command.push_back(of_description(word, client));
    }
    run.command.insert(run.command.end(), run.arguments.begin(), run.arguments.end());
    for (const auto& [name, value] : client.environment) {
        run.environment.emplace(name, of_description(value, client)); // what the scenario says itself stays
    }
    run.words = client.words;
    fill_task(scenario, run, client.file);
}

void use_command(const std::vector<std::string>& command, const Scenario& scenario, ScenarioClient& run) {
    run.use.clear();
    run.words.clear();
    run.command = command;
    fill_task(scenario, run, "--client");
}

bool wants_task(const std::vector<std::string>& command) {
    return std::ranges::any_of(command,
                               [](const std::string& word) { return holds_placeholder(word, "task"); });
}

std::vector<ScenarioRun*> runs_of(Scenario& scenario) {
    std::vector<ScenarioRun*> runs;
    for (Act& act : scenario.acts) {
        if (act.run) {
            runs.push_back(&*act.run);
        } else if (act.converge) {
            runs.push_back(&act.converge->run);
        }
    }
    return runs;
}

/// Described clients by name, each read once.
class Descriptions {
public:
    explicit Descriptions(std::string library) : library_(std::move(library)) {}

    const ClientDescription& get(const std::string& name) {
        const auto known = read_.find(name);
        return known != read_.end()
                   ? known->second
                   : read_.emplace(name, load_client_description(library_, name)).first->second;
    }

private:
    std::string library_;
    std::map<std::string, ClientDescription> read_;
};

/// A meaning for which a description has no words could never be told from one that is not said.
void check_meanings(const ScenarioRun& run, const ClientDescription& client) {
    for (const auto* const meanings : {&run.expect.says, &run.expect.never_says}) {
        for (const std::string& meaning : *meanings) {
            if (!client.words.contains(meaning)) {
                throw RequestError(fmt::format("{}: '{}' has no words for '{}' ({})", run.place, client.name,
                                               meaning, client.file));
            }
        }
    }
}

void resolve_own(Scenario& scenario, Descriptions& descriptions) {
    for (ScenarioRun* const run : runs_of(scenario)) {
        if (run->client.use.empty()) {
            continue;
        }
        try {
            const ClientDescription& client = descriptions.get(run->client.use);
            if (const std::string reason = unfit(client, run->client, scenario); !reason.empty()) {
                throw RequestError(reason);
            }
            check_meanings(*run, client);
            use_description(client, scenario, run->client);
        } catch (const RequestError& error) {
            throw RequestError(fmt::format("{}: {}", run->client.place, error.what()));
        }
    }
}

void put_described(Scenario& scenario, const ClientDescription& client) {
    for (ScenarioRun* const run : runs_of(scenario)) {
        if (const std::string reason = unfit(client, run->client, scenario); !reason.empty()) {
            scenario.not_applicable = reason;
            return;
        }
    }
    for (ScenarioRun* const run : runs_of(scenario)) {
        use_description(client, scenario, run->client);
    }
}

void put_command(Scenario& scenario, const std::vector<std::string>& command) {
    for (ScenarioRun* const run : runs_of(scenario)) {
        if (run->client.task.empty() && wants_task(command)) {
            scenario.not_applicable = "it runs a command line of its own, which is no {task}";
            return;
        }
    }
    for (ScenarioRun* const run : runs_of(scenario)) {
        use_command(command, scenario, run->client);
    }
}

} // namespace

bool names_description(const std::string& library, const std::string& word) {
    if (is_description_file(word)) {
        return true;
    }
    const std::vector<std::string> known = described_clients(library);
    return std::ranges::find(known, word) != known.end();
}

void resolve_clients(Scenario& scenario, const std::optional<OtherClient>& other) {
    Descriptions descriptions(scenario.library);
    if (!other) {
        resolve_own(scenario, descriptions);
    } else if (other->named.empty()) {
        put_command(scenario, other->command);
    } else {
        put_described(scenario, descriptions.get(other->named));
    }
}

} // namespace cardrig::harness
