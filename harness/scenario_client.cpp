#include "harness/scenario_client.h"

#include <cstring>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

namespace cardrig::harness {

std::map<std::string, std::string> scenario_values(const Scenario& scenario, const Rig& rig) {
    std::error_code error;
    const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
    std::map<std::string, std::string> values{{"scenarios", scenario.library},
                                              {"folder", scenario.folder},
                                              {"bin", program.parent_path().string()}};
    for (std::size_t i = 0; i < rig.size(); ++i) {
        values[i == 0 ? "reader" : fmt::format("reader-{}", i + 1)] = rig.reader_name(i);
    }
    return values;
}

ClientCommand client_command(const ScenarioRun& run, const ClientSurroundings& surroundings) {
    ClientCommand command;
    for (const std::string& word : run.client.command) {
        command.argv.push_back(fill_placeholders(word, surroundings.values));
    }
    for (const auto& [name, value] : run.client.environment) {
        command.environment[name] = fill_placeholders(value, surroundings.values);
    }
    if (run.client.control) {
        command.environment["CARDRIG_CONTROL"] = surroundings.control;
    }
    for (const std::string& answer : run.answers) {
        command.input += answer + "\n";
    }
    command.limit = run.client.limit;
    return command;
}

std::string describe_end(const ClientResult& result, const std::string& program, std::chrono::seconds limit) {
    if (result.not_found) {
        return fmt::format("the command '{}' was not found", program);
    }
    if (result.not_executable) {
        return fmt::format("the command '{}' cannot be executed", program);
    }
    if (result.timed_out) {
        return fmt::format("ended by the rig after its limit of {} seconds", limit.count());
    }
    if (result.exit_status) {
        return fmt::format("{}", *result.exit_status);
    }
    const char* const name = ::sigabbrev_np(result.signal);
    return fmt::format("ended by signal {}{}", result.signal,
                       name == nullptr ? "" : fmt::format(" (SIG{})", name));
}

} // namespace cardrig::harness
