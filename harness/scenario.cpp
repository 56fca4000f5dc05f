#include "harness/scenario.h"

#include "harness/errors.h"
#include "harness/files.h"
#include "harness/yaml.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include <fmt/format.h>

namespace cardrig::harness {

namespace fs = std::filesystem;

namespace {

/// The nearest parent folder called scenarios, or the folder itself.
fs::path library_of(const fs::path& folder) {
    for (fs::path at = folder; at.has_relative_path(); at = at.parent_path()) {
        if (at.filename() == "scenarios") {
            return at;
        }
    }
    return folder;
}

bool is_scenario_file(const fs::path& path) {
    return path.extension() == ".yaml" || path.extension() == ".yml";
}

void search(const fs::path& folder, std::set<std::string>& found) {
    for (fs::recursive_directory_iterator at(folder), end; at != end; ++at) {
        const std::string name = at->path().filename().string();
        if (at->is_directory() && (name == "clients" || name == "profiles" || name.starts_with('.'))) {
            at.disable_recursion_pending();
        } else if (at->is_regular_file() && is_scenario_file(at->path())) {
            found.insert(at->path().string());
        }
    }
}

} // namespace

std::string ExitExpectation::text() const {
    switch (kind) {
    case Kind::success:
        return "success (0)";
    case Kind::failure:
        return "failure (not 0)";
    case Kind::killed:
        return "killed (ended by a signal)";
    case Kind::status:
        break;
    }
    return fmt::format("{}", status);
}

bool ExitExpectation::met_by(std::optional<int> exit_status, bool killed) const {
    switch (kind) {
    case Kind::success:
        return exit_status == 0;
    case Kind::failure:
        return exit_status && *exit_status != 0;
    case Kind::killed:
        return killed;
    case Kind::status:
        break;
    }
    return exit_status == status;
}

bool CardExpectation::says_something() const {
    return unchanged || !slots.empty() || passcode_tries || unblocking_tries || passcode;
}

bool CardExpectation::may_be_renewed() const {
    const auto another = [](const std::string& word) { return word != "unchanged"; };
    return !unchanged || std::ranges::any_of(slots, [&](const SlotExpectation& slot) {
        return std::ranges::any_of(slot.certificate, another) || std::ranges::any_of(slot.key, another);
    });
}

bool CardExpectation::may_lose_tries() const {
    return !unchanged || passcode_tries || unblocking_tries;
}

bool could_be_passcode(const std::string& text) {
    return text.size() >= 4 && text.size() <= 8 &&
           std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7F; });
}

std::vector<std::string> Scenario::passcodes() const {
    std::vector<std::string> found;
    const auto typed = [&](const std::string& line) {
        if (could_be_passcode(line)) {
            found.push_back(line);
        }
    };
    for (const Act& act : acts) {
        const ScenarioRun* const run = act.running();
        if (run == nullptr) {
            continue;
        }
        std::ranges::for_each(run->answers, typed);
        for (const PersonAct& one : run->person ? run->person->acts : std::vector<PersonAct>{}) {
            typed(one.types.value_or(""));
        }
        for (const CardExpectation& card : run->expect.cards) {
            if (card.passcode) {
                found.push_back(*card.passcode);
            }
        }
    }
    std::ranges::sort(found);
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
}

const ScenarioRun* Act::running() const {
    return run ? &*run : converge ? &converge->run : nullptr;
}

std::chrono::seconds Scenario::clock_offset(std::chrono::sys_seconds host_now) const {
    return clock_at ? *clock_at - host_now : clock;
}

std::chrono::seconds Scenario::longest() const {
    std::chrono::seconds sum{0};
    for (const Act& act : acts) {
        if (act.run) {
            sum += act.run->client.limit;
        } else if (act.converge) {
            sum += act.converge->within * act.converge->run.client.limit;
        }
    }
    return sum;
}

std::vector<Scenario> load_scenarios(const std::string& file) {
    const apdu::Bytes bytes = read_file(file);
    std::vector<Scenario> scenarios =
        parse_scenarios({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, file);
    const fs::path folder = fs::absolute(file).lexically_normal().parent_path();
    for (Scenario& scenario : scenarios) {
        scenario.folder = folder.string();
        scenario.library = library_of(folder).string();
        for (ScenarioCard& card : scenario.cards) {
            if (is_scenario_file(card.profile) && fs::path(card.profile).is_relative()) {
                card.profile = (folder / card.profile).lexically_normal().string();
            }
        }
    }
    return scenarios;
}

Scenario load_scenario(const std::string& file) {
    std::vector<Scenario> scenarios = load_scenarios(file);
    if (scenarios.size() != 1) {
        throw RequestError(fmt::format("{}: its matrix makes {} scenarios of it", file, scenarios.size()));
    }
    return std::move(scenarios.front());
}

std::vector<std::string> find_scenarios(const std::vector<std::string>& paths) {
    std::vector<std::string> files;
    for (const std::string& path : paths) {
        std::error_code error;
        const fs::file_status kind = fs::status(path, error);
        if (!fs::exists(kind)) {
            throw RequestError(fmt::format("{}: no such scenario or folder", path));
        }
        if (!fs::is_directory(kind)) {
            files.push_back(path);
            continue;
        }
        std::set<std::string> found;
        try {
            search(path, found);
        } catch (const fs::filesystem_error& trouble) {
            throw RequestError(fmt::format("{}: cannot be searched: {}", path, trouble.code().message()));
        }
        if (found.empty()) {
            throw RequestError(fmt::format("{}: no scenario (*.yaml) in this folder", path));
        }
        files.insert(files.end(), found.begin(), found.end());
    }
    std::set<std::string> seen;
    std::erase_if(files, [&](const std::string& file) { return !seen.insert(file).second; });
    return files;
}

const std::vector<std::string>& client_tasks() {
    static const std::vector<std::string> tasks{"login",  "renew",           "update-card", "assist",
                                                "unlock", "change-passcode", "view"};
    return tasks;
}

std::string fill_placeholders(std::string_view text, const std::map<std::string, std::string>& values) {
    std::string filled;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const char c = text[at];
        if ((c == '{' || c == '}') && at + 1 < text.size() && text[at + 1] == c) {
            filled += c;
            ++at;
            continue;
        }
        if (c == '}') {
            throw RequestError(
                fmt::format("'}}' without '{{' in '{}' (a brace itself is written twice)", text));
        }
        if (c != '{') {
            filled += c;
            continue;
        }
        const std::size_t end = text.find('}', at);
        if (end == std::string_view::npos) {
            throw RequestError(
                fmt::format("'{{' without '}}' in '{}' (a brace itself is written twice)", text));
        }
        const std::string name(text.substr(at + 1, end - at - 1));
        const auto value = values.find(name);
        if (value == values.end()) {
            std::vector<std::string> names;
            std::ranges::transform(values, std::back_inserter(names),
                                   [](const auto& one) { return one.first; });
            throw RequestError(fmt::format("placeholder {}", unknown_word(name, names)));
        }
        filled += value->second;
        at = end;
    }
    return filled;
}

std::vector<std::string> placeholder_names(const Scenario& scenario) {
    std::vector<std::string> names{
        "scenarios",     "folder",          "bin",          "authority",   "management-key",
        "authority-url", "authority-token", "authority-ca", "unlock-code", "reader"};
    for (std::size_t reader = 2; reader <= scenario.readers.size(); ++reader) {
        names.push_back(fmt::format("reader-{}", reader));
    }
    for (std::size_t card = 1; card < scenario.cards.size(); ++card) {
        names.push_back("authority-" + scenario.cards[card].name);
        names.push_back("management-key-" + scenario.cards[card].name);
        names.push_back("unlock-code-" + scenario.cards[card].name);
    }
    return names;
}

void check_placeholders(std::string_view text, const std::vector<std::string>& names) {
    std::map<std::string, std::string> values;
    for (const std::string& name : names) {
        values[name] = "";
    }
    static_cast<void>(fill_placeholders(text, values));
}

} // namespace cardrig::harness
