#include "harness/scenario_clock.h"

#include "harness/clock/client_clock.h"
#include "harness/errors.h"
#include "harness/signal_watch.h"

#include <cstdlib>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

/// A host that is busy may take so long to start a program.
constexpr std::chrono::seconds probe_limit{20};

std::chrono::sys_seconds host_now() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

} // namespace

ScenarioClock::ScenarioClock(const Scenario& scenario)
    : faked_(scenario.faked_clock), offset_(scenario.clock_offset(host_now())) {}

std::chrono::sys_seconds ScenarioClock::now() const {
    return host_now() + offset_.load();
}

void ScenarioClock::add_to(std::map<std::string, std::string>& environment) const {
    if (!faked_) {
        return;
    }
    for (auto& [name, value] : clock_environment(offset_)) {
        environment[name] = std::move(value);
    }
}

void ScenarioClock::prove(Rig& rig) const {
    if (!faked_) {
        return;
    }
    std::string output;
    ClientCommand command;
    command.argv = {"date", "+%s"};
    command.limit = probe_limit;
    command.on_output = [&output](std::string_view chunk) { output += chunk; };
    add_to(command.environment);
    const std::chrono::sys_seconds before = now();
    const ClientResult result = rig.run(command);
    const std::chrono::sys_seconds after = now();
    remove_clock_leftovers(result.process);
    if (result.stopped_by != 0) {
        throw Interrupted(result.stopped_by);
    }
    const std::chrono::sys_seconds seen(std::chrono::seconds(std::strtoll(output.c_str(), nullptr, 10)));
    if (result.exit_status != 0 || seen < before - std::chrono::seconds(1) ||
        seen > after + std::chrono::seconds(1)) {
        throw HostError(fmt::format(
            "clients do not see the scenario's date: `date` says '{}' where it should say {}; "
            "libfaketime is {} (package libfaketime)",
            output.substr(0, output.find('\n')), after.time_since_epoch().count(), find_libfaketime()));
    }
}

} // namespace cardrig::harness
