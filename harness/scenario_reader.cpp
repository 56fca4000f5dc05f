// The scenario language: from YAML to Scenario.
#include "harness/scenario.h"

#include "harness/errors.h"
#include "harness/scenario_parts.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

/// A word of a command: placeholders are checked now, filled in later.
std::string argument(const YamlValue& value, const std::vector<std::string>& placeholders) {
    const std::string text = value.text();
    try {
        check_placeholders(text, placeholders);
    } catch (const RequestError& error) {
        value.refuse(error.what());
    }
    return text;
}

ScenarioClient read_client(const YamlValue& value, const Scenario& scenario) {
    const std::vector<std::string> placeholders = placeholder_names(scenario);
    ScenarioClient client;
    YamlMapping mapping = value.mapping();
    const YamlValue command = mapping.require("command");
    if (!command.is_sequence()) {
        command.refuse("'command' is a list: [program, argument, ...]; no shell reads it");
    }
    for (const YamlValue& word : command.sequence()) {
        client.command.push_back(argument(word, placeholders));
    }
    if (client.command.empty() || client.command.front().empty()) {
        command.refuse("'command' names no program");
    }
    if (const auto environment = mapping.take("environment")) {
        YamlMapping variables = environment->mapping();
        for (const std::string& name : variables.keys()) {
            if (name.empty() || name.find_first_of("= \t") != std::string::npos) {
                variables.refuse_key(name, fmt::format("'{}' is no name of a variable", name));
            }
            client.environment[name] = argument(variables.require(name), placeholders);
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
    return client;
}

std::vector<std::string> read_answers(const YamlValue& value) {
    if (!value.is_sequence()) {
        value.refuse("'answers' is a list of lines in quotes");
    }
    std::vector<std::string> answers;
    for (const YamlValue& line : value.sequence()) {
        answers.push_back(line.quoted());
        if (answers.back().find_first_of("\r\n") != std::string::npos) {
            line.refuse("an answer is one line");
        }
    }
    return answers;
}

CardIn read_card_in(const YamlValue& value) {
    const std::string word = value.word({"true", "false", "as-it-is"});
    return word == "true" ? CardIn::yes : word == "false" ? CardIn::no : CardIn::as_it_is;
}

/// The run before the one that is read, and whether something was moved since.
struct Before {
    const ScenarioRun* run = nullptr;
    bool moved = false;
};

Before before(const Scenario& scenario) {
    Before found;
    for (const Act& act : scenario.acts) {
        found = act.run ? Before{&*act.run, false} : Before{found.run, found.moved || act.effect};
    }
    return found;
}

/// The keys that the scenario itself and each further run have in common.
ScenarioRun read_run(YamlMapping& mapping, const Scenario& scenario) {
    const auto [earlier, moved] = before(scenario);
    ScenarioRun run;
    const auto client = mapping.take("client");
    if (client) {
        run.client = read_client(*client, scenario);
    } else if (earlier != nullptr) {
        run.client = earlier->client;
    } else {
        mapping.refuse("'client' is missing");
    }
    if (const auto answers = mapping.take("answers")) {
        run.answers = read_answers(*answers);
    } else if (earlier != nullptr) {
        run.answers = earlier->answers;
    }
    // What acts have moved on purpose stays as they left it, and so does a first card that began outside.
    const bool begins_in = std::ranges::find(scenario.readers, std::optional<std::size_t>(0),
                                             &ScenarioReader::card) != scenario.readers.end();
    run.card_in = moved || !begins_in ? CardIn::as_it_is : CardIn::yes;
    if (const auto card_in = mapping.take("card-in")) {
        run.card_in = read_card_in(*card_in);
    }
    if (const auto fault = mapping.take("fault")) {
        run.faults = read_faults(*fault, scenario);
    }
    run.expect = read_expectation(mapping.require("expect"), scenario);
    return run;
}

Act read_one_act(const YamlValue& value, const Scenario& scenario) {
    Act act;
    act.place = value.place();
    if (value.is_scalar()) {
        if (value.text() != "reinsert") {
            act.effect = read_act(value, scenario);
        }
        return act;
    }
    YamlMapping mapping = value.mapping();
    const YamlValue body = mapping.require("run");
    mapping.finish();
    YamlMapping run_mapping = body.mapping();
    act.run = read_run(run_mapping, scenario);
    run_mapping.finish();
    act.run->place = body.place();
    return act;
}

void read_acts(const YamlValue& value, Scenario& scenario) {
    if (!value.is_sequence()) {
        value.refuse("'then' is a list of acts: reinsert, a verb (remove, swap card NAME, ...), run");
    }
    for (const YamlValue& act : value.sequence()) {
        scenario.acts.push_back(read_one_act(act, scenario));
    }
}

/// A window is closed by a later run in which the promise holds.
void check_windows_of(const Scenario& scenario, std::size_t card, std::size_t act) {
    const ScenarioRun& run = *scenario.acts[act].run;
    for (const auto& [id, state] : run.expect.cards[card].invariants) {
        const auto closes = [&id = id, card](const Act& later) {
            if (!later.run) {
                return false;
            }
            const auto& said = later.run->expect.cards[card].invariants;
            return !said.contains(id) || said.at(id) == PromiseState::holds;
        };
        const auto later = scenario.acts.begin() + static_cast<std::ptrdiff_t>(act) + 1;
        if (state == PromiseState::window && std::none_of(later, scenario.acts.end(), closes)) {
            throw RequestError(fmt::format(
                "{}: {} is a window here, and no later run closes it (is it 'broken'?)", run.place, id));
        }
    }
}

void check_windows(const Scenario& scenario) {
    for (std::size_t act = 0; act < scenario.acts.size(); ++act) {
        for (std::size_t card = 0; scenario.acts[act].run && card < scenario.cards.size(); ++card) {
            check_windows_of(scenario, card, act);
        }
    }
}

} // namespace

Scenario parse_scenario(std::string_view text, const std::string& file) {
    Scenario scenario;
    scenario.file = file;
    const YamlValue root = YamlValue::parse(text, file);
    YamlMapping mapping = root.mapping();
    const YamlValue title = mapping.require("title");
    scenario.title = written(title);
    if (scenario.title.find('\n') != std::string::npos) {
        title.refuse("a title is one line");
    }
    scenario.shows = written(mapping.require("shows"));
    read_cards_and_readers(mapping, scenario);
    Act first;
    first.run = read_run(mapping, scenario);
    first.place = root.place();
    first.run->place = first.place;
    scenario.acts.push_back(std::move(first));
    if (const auto then = mapping.take("then")) {
        read_acts(*then, scenario);
    }
    mapping.finish();
    check_windows(scenario);
    return scenario;
}

} // namespace cardrig::harness
