#include "harness/run_selection.h"

#include "harness/client_choice.h"
#include "harness/errors.h"
#include "harness/patterns.h"
#include "harness/scenario_cards.h"
#include "harness/yaml.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <map>
#include <regex>
#include <utility>

#include <unistd.h>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

/// A command's words: blanks part them, quotes keep them together.
std::vector<std::string> split_command(const std::string& text) {
    std::vector<std::string> words;
    std::optional<std::string> word;
    char quote = 0;
    for (const char c : text) {
        if (quote != 0) {
            if (c == quote) {
                quote = 0;
            } else {
                *word += c;
            }
        } else if (c == '\'' || c == '"') {
            quote = c;
            word = word.value_or("");
        } else if (c == ' ' || c == '\t') {
            if (word) {
                words.push_back(*std::exchange(word, std::nullopt));
            }
        } else {
            word = word.value_or("") + c;
        }
    }
    if (quote != 0) {
        throw RequestError(fmt::format("--client: {} without its other one in '{}'", quote, text));
    }
    if (word) {
        words.push_back(*word);
    }
    if (words.empty() || words.front().empty()) {
        throw RequestError("--client names no program");
    }
    return words;
}

std::optional<std::regex> filter_expression(const std::string& filter) {
    if (filter.empty()) {
        return std::nullopt;
    }
    try {
        return compile_pattern(filter);
    } catch (const RequestError& error) {
        throw RequestError(fmt::format("--filter: {}", error.what()));
    }
}

bool selected(const Scenario& scenario, const RunSelection& selection,
              const std::optional<std::regex>& filter) {
    return (!filter || matches_some_line(scenario.title, *filter) ||
            matches_some_line(scenario.file, *filter)) &&
           (!selection.variant || scenario.variant == *selection.variant);
}

/// Mistakes of several files, told together.
class Mistakes {
public:
    template <class Work>
    void guard(const Work& work) {
        try {
            work();
        } catch (const RequestError& error) {
            if (std::ranges::find(told_, error.what()) == told_.end()) {
                told_.emplace_back(error.what());
            }
        }
    }
    void tell() const {
        std::string all;
        for (const std::string& one : told_) {
            all += (all.empty() ? "" : "\n") + one;
        }
        if (!all.empty()) {
            throw RequestError(all);
        }
    }

private:
    std::vector<std::string> told_;
};

std::vector<Scenario> load_selected(const RunSelection& selection, Mistakes& mistakes) {
    const auto filter = filter_expression(selection.filter);
    std::vector<Scenario> scenarios;
    for (const std::string& file : find_scenarios(selection.paths)) {
        mistakes.guard([&] {
            for (Scenario& scenario : load_scenarios(file)) {
                if (selected(scenario, selection, filter)) {
                    scenarios.push_back(std::move(scenario));
                }
            }
        });
    }
    return scenarios;
}

void check_titles(const std::vector<Scenario>& scenarios, Mistakes& mistakes) {
    std::map<std::string, std::string> titles;
    for (const Scenario& scenario : scenarios) {
        const auto [twin, fresh] = titles.emplace(scenario.title, scenario.file);
        if (!fresh) {
            mistakes.guard([&, &other = twin->second] {
                throw RequestError(fmt::format("{}: the title '{}' is that of {} too", scenario.file,
                                               scenario.title, other));
            });
        }
    }
}

bool in_path(const std::string& program) {
    const char* const path = std::getenv("PATH");
    std::string_view rest = path == nullptr ? "" : path;
    while (!rest.empty()) {
        const std::size_t colon = std::min(rest.find(':'), rest.size());
        const std::string folder(rest.substr(0, colon));
        if (::access(fmt::format("{}/{}", folder.empty() ? "." : folder, program).c_str(), X_OK) == 0) {
            return true;
        }
        rest.remove_prefix(std::min(colon + 1, rest.size()));
    }
    return false;
}

/// A word without a path that nobody would find is a name that was mistyped.
void check_program(const std::string& program, const std::vector<Scenario>& scenarios) {
    const bool bare = program.find_first_of("/{") == std::string::npos;
    if (!bare || in_path(program)) {
        return;
    }
    std::vector<std::string> known;
    for (const Scenario& scenario : scenarios) {
        std::ranges::copy(described_clients(scenario.library), std::back_inserter(known));
    }
    std::ranges::sort(known);
    known.erase(std::unique(known.begin(), known.end()), known.end());
    throw RequestError(fmt::format("--client: '{}' is neither in PATH nor a client that is described{}",
                                   program,
                                   known.empty() ? std::string(" in a folder clients")
                                                 : fmt::format(": {}", unknown_word(program, known))));
}

std::optional<OtherClient> other_client(const std::string& text, const std::vector<Scenario>& scenarios) {
    if (text.empty()) {
        return std::nullopt;
    }
    OtherClient other{{}, split_command(text)};
    if (other.command.size() == 1 && std::ranges::any_of(scenarios, [&](const Scenario& scenario) {
            return names_description(scenario.library, other.command.front());
        })) {
        other.named = other.command.front();
    } else if (other.command.size() == 1) {
        check_program(other.command.front(), scenarios);
    }
    return other;
}

void check_applies(const RunSelection& selection, const std::vector<Scenario>& scenarios) {
    if (scenarios.empty()) {
        std::string wanted = selection.filter.empty() ? "" : fmt::format(" '{}'", selection.filter);
        wanted += selection.variant ? fmt::format(" --variant '{}'", *selection.variant) : "";
        throw RequestError(fmt::format("no scenario matches{}", wanted));
    }
    if (std::ranges::none_of(scenarios, [](const Scenario& one) { return one.not_applicable.empty(); })) {
        throw RequestError(fmt::format("--client: it applies to none of {} scenarios; the first, {}: {}",
                                       scenarios.size(), scenarios.front().file,
                                       scenarios.front().not_applicable));
    }
}

std::size_t shard_number(std::string_view text, const std::string& what) {
    std::size_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc{} || stop != end || number == 0 || number > 10'000) {
        throw RequestError(fmt::format("--shard: {} is a number from 1 to 10000, not '{}'", what, text));
    }
    return number;
}

std::string wanted_variable(const std::function<std::optional<std::string>(const std::string&)>& variable,
                            const std::string& name) {
    const auto value = variable(name);
    if (!value) {
        throw RequestError(
            fmt::format("--shard auto: {} is not set; say the shard yourself, as in --shard 2/5", name));
    }
    return *value;
}

} // namespace

Shard parse_shard(const std::string& text,
                  const std::function<std::optional<std::string>(const std::string&)>& variable) {
    Shard shard;
    if (text == "auto") {
        shard.number = shard_number(wanted_variable(variable, "CI_NODE_INDEX"), "CI_NODE_INDEX");
        shard.of = shard_number(wanted_variable(variable, "CI_NODE_TOTAL"), "CI_NODE_TOTAL");
    } else {
        const std::size_t slash = text.find('/');
        if (slash == std::string::npos) {
            throw RequestError(fmt::format("--shard: '{}' is neither K/N, as in 2/5, nor 'auto'", text));
        }
        shard.number = shard_number(std::string_view(text).substr(0, slash), "the shard");
        shard.of = shard_number(std::string_view(text).substr(slash + 1), "the number of shards");
    }
    if (shard.number > shard.of) {
        throw RequestError(fmt::format("--shard: there is no shard {} of {}", shard.number, shard.of));
    }
    return shard;
}

std::vector<Scenario> in_shard(std::vector<Scenario> scenarios, const Shard& shard) {
    std::ranges::sort(scenarios, {}, [](const Scenario& one) { return std::pair(one.file, one.title); });
    std::vector<Scenario> chosen;
    for (std::size_t i = shard.number - 1; i < scenarios.size(); i += shard.of) {
        chosen.push_back(std::move(scenarios[i]));
    }
    return chosen;
}

std::vector<Scenario> select_scenarios(const RunSelection& selection) {
    Mistakes mistakes;
    std::vector<Scenario> scenarios = load_selected(selection, mistakes);
    check_titles(scenarios, mistakes);
    std::optional<OtherClient> other;
    mistakes.guard([&] { other = other_client(selection.client, scenarios); });
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    for (Scenario& scenario : scenarios) {
        mistakes.guard([&] {
            resolve_clients(scenario, other);
            if (scenario.not_applicable.empty()) {
                check_scenario_readers(scenario, selection.reader);
                static_cast<void>(make_scenario_cards(scenario, now + scenario.clock_offset(now)));
            }
        });
    }
    mistakes.tell();
    check_applies(selection, scenarios);
    return selection.shard ? in_shard(std::move(scenarios), *selection.shard) : scenarios;
}

std::vector<std::string> client_notices(const RunSelection& selection,
                                        const std::vector<Scenario>& scenarios) {
    const bool by_command = std::ranges::any_of(scenarios, [](const Scenario& scenario) {
        return std::ranges::any_of(scenario.acts, [](const Act& act) {
            const ScenarioRun* const run = act.running();
            return run != nullptr && run->client.use.empty() && !run->client.task.empty() &&
                   (!run->expect.says.empty() || !run->expect.never_says.empty());
        });
    });
    if (selection.client.empty() || !by_command) {
        return {};
    }
    return {"what the client of --client says was not compared with 'says' and 'never-says': a command line "
            "has no "
            "description of its words"};
}

} // namespace cardrig::harness
