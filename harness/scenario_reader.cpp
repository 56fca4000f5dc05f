// The scenario language: from YAML to Scenario.
#include "harness/scenario.h"

#include "harness/client_description.h"
#include "harness/errors.h"
#include "harness/scenario_parts.h"
#include "harness/utc_text.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

/// Of 'converge': a client that needs more than this has not recovered.
constexpr std::int64_t most_tries = 20;

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

/// What is expected where nothing is said: success, every promise, and the other cards as they were.
Expectation leaving_others_alone(const Scenario& scenario) {
    Expectation expect;
    expect.cards.resize(scenario.cards.size());
    std::for_each(expect.cards.begin() + 1, expect.cards.end(),
                  [](CardExpectation& card) { card.unchanged = true; });
    return expect;
}

/// The run before the one that is read, and whether something was moved since.
struct Before {
    const ScenarioRun* run = nullptr;
    bool moved = false;
};

Before before(const Scenario& scenario) {
    Before found;
    for (const Act& act : scenario.acts) {
        const ScenarioRun* const run = act.running();
        found = run != nullptr ? Before{run, false} : Before{found.run, found.moved || act.effect};
    }
    return found;
}

/// What stands in front of the client: lines that are there from the start, or a person. One takes the place
/// of the other, also of the run before.
void read_input(YamlMapping& mapping, const Scenario& scenario, const ScenarioRun* earlier,
                ScenarioRun& run) {
    const auto answers = mapping.take("answers");
    const auto person = mapping.take("person");
    if (answers && person) {
        mapping.refuse_key("person",
                           "'answers' are there from the start, and a 'person' answers what is asked: one of "
                           "the two");
    }
    if (answers) {
        run.answers = read_answers(*answers);
    } else if (person) {
        run.person = read_person(*person, scenario);
    } else if (earlier != nullptr) {
        run.answers = earlier->answers;
        run.person = earlier->person;
    }
}

/// The keys that every kind of run has in common.
ScenarioRun read_undisturbed(YamlMapping& mapping, const Scenario& scenario) {
    const auto [earlier, moved] = before(scenario);
    ScenarioRun run;
    const auto client = mapping.take("client");
    if (client) {
        run.client = read_client(*client, scenario, earlier == nullptr ? nullptr : &earlier->client);
    } else if (earlier != nullptr) {
        run.client = earlier->client;
    } else {
        mapping.refuse("'client' is missing");
    }
    read_input(mapping, scenario, earlier, run);
    // What acts have moved on purpose stays as they left it, and so does a first card that began outside.
    const bool begins_in = std::ranges::find(scenario.readers, std::optional<std::size_t>(0),
                                             &ScenarioReader::card) != scenario.readers.end();
    run.card_in = moved || !begins_in ? CardIn::as_it_is : CardIn::yes;
    if (const auto card_in = mapping.take("card-in")) {
        run.card_in = read_card_in(*card_in);
    }
    return run;
}

/// The keys that the scenario itself and each further run have in common.
ScenarioRun read_run(YamlMapping& mapping, const Scenario& scenario) {
    ScenarioRun run = read_undisturbed(mapping, scenario);
    if (const auto fault = mapping.take("fault")) {
        run.faults = read_faults(*fault, scenario);
    }
    run.expect = read_expectation(mapping.require("expect"), scenario, !run.client.use.empty());
    return run;
}

ScenarioRun read_run_act(const YamlValue& body, const Scenario& scenario) {
    YamlMapping mapping = body.mapping();
    ScenarioRun run = read_run(mapping, scenario);
    mapping.finish();
    run.place = body.place();
    return run;
}

Convergence read_convergence(const YamlValue& body, const Scenario& scenario) {
    Convergence converge;
    YamlMapping mapping = body.mapping();
    converge.within = static_cast<std::uint32_t>(mapping.require("within").integer(1, most_tries));
    converge.run = read_undisturbed(mapping, scenario);
    if (mapping.take("fault")) {
        mapping.refuse_key("fault",
                           "'converge' runs the client undisturbed: a fault belongs to a 'run' before it");
    }
    if (const auto expect = mapping.take("expect")) {
        converge.run.expect = read_expectation(*expect, scenario, !converge.run.client.use.empty(), true);
    } else {
        converge.run.expect = leaving_others_alone(scenario);
    }
    mapping.finish();
    converge.run.place = body.place();
    return converge;
}

std::chrono::seconds read_later(const YamlValue& value) {
    const std::chrono::seconds later = value.duration();
    if (later <= std::chrono::seconds(0)) {
        value.refuse("between two runs the clock is moved on, by more than nothing");
    }
    return later;
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
    const auto run = mapping.take("run");
    const auto converge = mapping.take("converge");
    const auto clock = mapping.take("clock");
    mapping.finish();
    if (mapping.keys().size() != 1) {
        mapping.refuse("an act is one thing: 'run', 'converge' or 'clock', each an entry of its own");
    }
    if (run) {
        act.run = read_run_act(*run, scenario);
    } else if (converge) {
        act.converge = read_convergence(*converge, scenario);
    } else {
        act.clock = read_later(*clock);
    }
    return act;
}

void read_acts(const YamlValue& value, Scenario& scenario) {
    if (!value.is_sequence()) {
        value.refuse(
            "'then' is a list of acts: reinsert, a verb (remove, swap card NAME, ...), run, converge, clock");
    }
    for (const YamlValue& act : value.sequence()) {
        scenario.acts.push_back(read_one_act(act, scenario));
        scenario.faked_clock = scenario.faked_clock || scenario.acts.back().clock;
    }
}

/// A window is closed by a later run in which the promise holds.
void check_windows_of(const Scenario& scenario, std::size_t card, std::size_t act) {
    const ScenarioRun& run = *scenario.acts[act].running();
    for (const auto& [id, state] : run.expect.cards[card].invariants) {
        const auto closes = [&id = id, card](const Act& later) {
            const ScenarioRun* const other = later.running();
            if (other == nullptr) {
                return false;
            }
            const auto& said = other->expect.cards[card].invariants;
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
        for (std::size_t card = 0; scenario.acts[act].running() != nullptr && card < scenario.cards.size();
             ++card) {
            check_windows_of(scenario, card, act);
        }
    }
}

/// "30 days", "-2 hours": so far from now; or a moment, as in RFC 3339 and UTC.
void read_clock(const YamlValue& value, Scenario& scenario) {
    scenario.faked_clock = true;
    const std::string text = value.text();
    if (!text.ends_with('Z')) {
        scenario.clock = value.duration();
        return;
    }
    const auto moment = parse_utc_rfc3339(text);
    if (!moment) {
        value.refuse(fmt::format(
            "'{}' is no moment such as '2030-05-01T12:00:00Z', and no duration such as '2 years'", text));
    }
    scenario.clock_at = moment;
}

void read_whole(YamlMapping& mapping, Scenario& scenario) {
    if (const auto clock = mapping.take("clock")) {
        read_clock(*clock, scenario);
    }
    if (const auto timing = mapping.take("timing")) {
        scenario.real_timing = timing->word({"real"}) == "real";
    }
    if (const auto needs = mapping.take("needs")) {
        scenario.needs = read_words(*needs, client_abilities());
    }
    read_cards_and_readers(mapping, scenario);
    if (const auto authority = mapping.take("authority")) {
        scenario.authority = read_authority_plan(*authority, scenario);
    }
}

Scenario read_scenario(const YamlValue& root, const std::string& file) {
    Scenario scenario;
    scenario.file = file;
    YamlMapping mapping = root.mapping();
    static_cast<void>(mapping.take("matrix"));
    const YamlValue title = mapping.require("title");
    scenario.title = written(title);
    if (scenario.title.find('\n') != std::string::npos) {
        title.refuse("a title is one line");
    }
    scenario.shows = written(mapping.require("shows"));
    read_whole(mapping, scenario);
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

Scenario read_row(const YamlValue& root, const MatrixRow& row, const std::string& file) {
    try {
        Scenario scenario = read_scenario(root.filled(row.values), file);
        scenario.variant = row.variant;
        scenario.title = variant_title(scenario.title, row, root.mapping().require("title"));
        return scenario;
    } catch (const RequestError& error) {
        throw RequestError(fmt::format("{} (with {})", error.what(), row.variant));
    }
}

} // namespace

std::vector<Scenario> parse_scenarios(std::string_view text, const std::string& file) {
    const YamlValue root = YamlValue::parse(text, file);
    const auto matrix = root.mapping().take("matrix");
    std::vector<Scenario> scenarios;
    if (!matrix) {
        scenarios.push_back(read_scenario(root, file));
        return scenarios;
    }
    for (const MatrixRow& row : read_matrix(*matrix, root)) {
        scenarios.push_back(read_row(root, row, file));
    }
    return scenarios;
}

Scenario parse_scenario(std::string_view text, const std::string& file) {
    std::vector<Scenario> scenarios = parse_scenarios(text, file);
    if (scenarios.size() != 1) {
        throw RequestError(fmt::format("{}: its matrix makes {} scenarios of it", file, scenarios.size()));
    }
    return std::move(scenarios.front());
}

} // namespace cardrig::harness
