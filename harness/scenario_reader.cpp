// The scenario language: from YAML to Scenario.
#include "harness/scenario.h"

#include "harness/errors.h"
#include "harness/invariants.h"
#include "harness/patterns.h"
#include "harness/yaml.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

constexpr auto slots = std::to_array<std::pair<const char*, emulator::piv::KeyReference>>({
    {"authentication", emulator::piv::authentication_key},
    {"signature", emulator::piv::signature_key},
    {"key-management", emulator::piv::key_management_key},
    {"card-authentication", emulator::piv::card_authentication_key},
});

/// SP 800-73-4 part 2, 2.4.3: what is longer works on no card.
constexpr std::size_t longest_passcode = 8;

/// One scalar or a list of them.
std::vector<YamlValue> one_or_more(const YamlValue& value) {
    return value.is_sequence() ? value.sequence() : std::vector<YamlValue>{value};
}

std::string written(const YamlValue& value) {
    std::string text = value.text();
    if (text.empty()) {
        value.refuse("this must not be empty");
    }
    return text;
}

/// A word of a command: placeholders are checked now, filled in later.
std::string argument(const YamlValue& value) {
    const std::string text = value.text();
    try {
        check_placeholders(text);
    } catch (const RequestError& error) {
        value.refuse(error.what());
    }
    return text;
}

ScenarioClient read_client(const YamlValue& value) {
    ScenarioClient client;
    YamlMapping mapping = value.mapping();
    const YamlValue command = mapping.require("command");
    if (!command.is_sequence()) {
        command.refuse("'command' is a list: [program, argument, ...]; no shell reads it");
    }
    for (const YamlValue& word : command.sequence()) {
        client.command.push_back(argument(word));
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
            client.environment[name] = argument(variables.require(name));
        }
    }
    if (const auto limit = mapping.take("limit")) {
        client.limit = limit->duration();
        if (client.limit < std::chrono::seconds(1) || client.limit > std::chrono::hours(24)) {
            limit->refuse("'limit' is 1 second to 1 day");
        }
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

/// Without quotes YAML drops what follows " #", and "put-data #2" would silently mean the first. A place that
/// ends with its moment has lost nothing.
std::string place_text(const YamlValue& value) {
    const std::string text = value.text();
    if (text.ends_with(" before") || text.ends_with(" after")) {
        return text;
    }
    try {
        return value.quoted();
    } catch (const RequestError&) {
        value.refuse(
            fmt::format("the place '{}' stands in quotes, or ends with 'before' or 'after': in YAML ' "
                        "#' begins a comment",
                        text));
    }
}

Fault read_fault(const YamlValue& value) {
    YamlMapping mapping = value.mapping();
    const YamlValue at = mapping.require("at");
    const YamlValue effect_value = mapping.require("do");
    mapping.finish();
    const std::string text = place_text(at);
    auto place = Place::parse(text);
    if (!place) {
        at.refuse(place.error().message);
    }
    auto effect = Effect::parse(effect_value.text());
    if (!effect) {
        effect_value.refuse(effect.error().message);
    }
    Fault fault{std::move(*place), std::move(*effect)};
    if (const auto fits = fault.check(); !fits) {
        effect_value.refuse(fits.error().message);
    }
    return fault;
}

ExitExpectation read_exit(const YamlValue& value) {
    ExitExpectation exit;
    const std::string text = value.text();
    if (text == "success" || text == "failure") {
        exit.kind = text == "success" ? ExitExpectation::Kind::success : ExitExpectation::Kind::failure;
        return exit;
    }
    if (text.empty() || (text.front() != '-' && (text.front() < '0' || text.front() > '9'))) {
        value.refuse(
            fmt::format("{}, or a number from 0 to 255", unknown_word(text, {"success", "failure"})));
    }
    exit.kind = ExitExpectation::Kind::status;
    exit.status = static_cast<int>(value.integer(0, 255));
    return exit;
}

std::vector<std::string> read_patterns(const YamlValue& value) {
    std::vector<std::string> patterns;
    for (const YamlValue& pattern : one_or_more(value)) {
        patterns.push_back(written(pattern));
        try {
            static_cast<void>(compile_pattern(patterns.back()));
        } catch (const RequestError& error) {
            pattern.refuse(error.what());
        }
    }
    return patterns;
}

std::vector<std::string> read_words(const YamlValue& value, const std::vector<std::string>& known) {
    std::vector<std::string> words;
    for (const YamlValue& word : one_or_more(value)) {
        words.push_back(word.word(known));
    }
    return words;
}

SlotExpectation read_slot(const YamlValue& value, const char* name, emulator::piv::KeyReference reference) {
    SlotExpectation slot{reference, name, {}, {}};
    YamlMapping mapping = value.mapping();
    if (const auto certificate = mapping.take("certificate")) {
        slot.certificate = read_words(*certificate, {"renewed", "unchanged", "absent", "damaged"});
    }
    if (const auto key = mapping.take("key")) {
        slot.key = read_words(*key, {"matches", "differs", "absent", "renewed", "unchanged"});
    }
    mapping.finish();
    return slot;
}

CardExpectation read_card(const YamlValue& value) {
    CardExpectation card;
    if (value.is_scalar()) {
        static_cast<void>(value.word({"unchanged"}));
        card.unchanged = true;
        return card;
    }
    YamlMapping mapping = value.mapping();
    for (const auto& [name, reference] : slots) {
        if (const auto slot = mapping.take(name)) {
            card.slots.push_back(read_slot(*slot, name, reference));
        }
    }
    if (const auto tries = mapping.take("passcode-tries")) {
        card.passcode_tries = tries->integer(0, 15);
    }
    if (const auto tries = mapping.take("unblocking-tries")) {
        card.unblocking_tries = tries->integer(0, 15);
    }
    if (const auto passcode = mapping.take("passcode")) {
        card.passcode = passcode->quoted();
        if (card.passcode->empty() || card.passcode->size() > longest_passcode) {
            passcode->refuse(fmt::format("a passcode has 1 to {} characters", longest_passcode));
        }
    }
    if (const auto compare = mapping.take("compare")) {
        card.since_run = compare->word({"start", "run"}) == "run";
    }
    mapping.finish();
    return card;
}

std::map<std::string, PromiseState> read_invariants(const YamlValue& value) {
    std::map<std::string, PromiseState> states;
    YamlMapping mapping = value.mapping();
    for (const std::string& id : invariant_ids()) {
        if (const auto state = mapping.take(id)) {
            const std::string word = state->word({"holds", "window", "broken"});
            states[id] = word == "holds"    ? PromiseState::holds
                         : word == "window" ? PromiseState::window
                                            : PromiseState::broken;
        }
    }
    mapping.finish();
    return states;
}

Expectation read_expectation(const YamlValue& value) {
    Expectation expect;
    YamlMapping mapping = value.mapping();
    expect.exit = read_exit(mapping.require("exit"));
    if (const auto output = mapping.take("output")) {
        expect.output = read_patterns(*output);
    }
    if (const auto never = mapping.take("never")) {
        expect.never = read_patterns(*never);
    }
    if (const auto card = mapping.take("card")) {
        expect.card = read_card(*card);
    }
    if (const auto invariants = mapping.take("invariants")) {
        expect.invariants = read_invariants(*invariants);
    }
    mapping.finish();
    return expect;
}

/// The keys that the scenario itself and each further run have in common. `before` is the run before it, if
/// any.
ScenarioRun read_run(YamlMapping& mapping, const ScenarioRun* before) {
    ScenarioRun run;
    const auto client = mapping.take("client");
    if (client) {
        run.client = read_client(*client);
    } else if (before != nullptr) {
        run.client = before->client;
    } else {
        mapping.refuse("'client' is missing");
    }
    if (const auto answers = mapping.take("answers")) {
        run.answers = read_answers(*answers);
    } else if (before != nullptr) {
        run.answers = before->answers;
    }
    if (const auto card_in = mapping.take("card-in")) {
        run.card_in = card_in->boolean();
    }
    if (const auto fault = mapping.take("fault")) {
        for (const YamlValue& one : one_or_more(*fault)) {
            run.faults.push_back(read_fault(one));
        }
    }
    run.expect = read_expectation(mapping.require("expect"));
    return run;
}

void read_card_choice(const YamlValue& value, Scenario& scenario) {
    YamlMapping mapping = value.mapping();
    scenario.profile = written(mapping.require("profile"));
    if (const auto set = mapping.take("set")) {
        YamlMapping changes = set->mapping();
        for (const std::string& key : changes.keys()) {
            scenario.set[key] = changes.require(key).text();
        }
    }
    mapping.finish();
}

void read_acts(const YamlValue& value, Scenario& scenario) {
    if (!value.is_sequence()) {
        value.refuse("'then' is a list of acts: reinsert, run");
    }
    for (const YamlValue& act : value.sequence()) {
        if (act.is_scalar()) {
            static_cast<void>(act.word({"reinsert"}));
            scenario.acts.push_back({});
            continue;
        }
        const ScenarioRun* before = nullptr;
        for (const Act& earlier : scenario.acts) {
            before = earlier.run ? &*earlier.run : before;
        }
        YamlMapping mapping = act.mapping();
        const YamlValue body = mapping.require("run");
        mapping.finish();
        YamlMapping run_mapping = body.mapping();
        ScenarioRun run = read_run(run_mapping, before);
        run_mapping.finish();
        run.place = body.place();
        scenario.acts.push_back({std::move(run)});
    }
}

/// A window is closed by a later run in which the promise holds.
void check_windows(const Scenario& scenario) {
    for (std::size_t i = 0; i < scenario.acts.size(); ++i) {
        if (!scenario.acts[i].run) {
            continue;
        }
        for (const auto& [id, state] : scenario.acts[i].run->expect.invariants) {
            const auto closes = [&id = id](const Act& act) {
                return act.run && (!act.run->expect.invariants.contains(id) ||
                                   act.run->expect.invariants.at(id) == PromiseState::holds);
            };
            const auto later = scenario.acts.begin() + static_cast<std::ptrdiff_t>(i) + 1;
            if (state == PromiseState::window && std::none_of(later, scenario.acts.end(), closes)) {
                throw RequestError(
                    fmt::format("{}: {} is a window here, and no later run closes it (is it 'broken'?)",
                                scenario.acts[i].run->place, id));
            }
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
    read_card_choice(mapping.require("card"), scenario);
    ScenarioRun first = read_run(mapping, nullptr);
    first.place = root.place();
    scenario.acts.push_back({std::move(first)});
    if (const auto then = mapping.take("then")) {
        read_acts(*then, scenario);
    }
    mapping.finish();
    check_windows(scenario);
    return scenario;
}

} // namespace cardrig::harness
