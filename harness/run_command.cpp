// cardrig run [SCENARIO|FOLDER ...]
#include "harness/command_line.h"
#include "harness/errors.h"
#include "harness/reader_option.h"
#include "harness/report_files.h"
#include "harness/run_selection.h"
#include "harness/scenario.h"
#include "harness/scenario_pool.h"
#include "harness/scenario_run.h"
#include "harness/sweep/text_layout.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <set>
#include <thread>

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace cardrig::harness {

namespace {

struct RunArguments {
    std::vector<std::string> paths;
    std::string filter;
    std::size_t jobs = 0;
    std::optional<std::uint64_t> seed;
    ReportFiles files;
    std::optional<std::string> variant;
    std::optional<std::string> shard;
    bool list = false;
    std::string client;
    ReaderKind reader = ReaderKind::rig;
    std::optional<unsigned> timeout;
};

std::optional<std::string> variable(const std::string& name) {
    const char* const value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

RunSelection selection_of(const RunArguments& arguments) {
    RunSelection selection;
    selection.paths = arguments.paths;
    selection.filter = arguments.filter;
    selection.variant = arguments.variant;
    selection.client = arguments.client;
    if (arguments.shard) {
        selection.shard = parse_shard(*arguments.shard, variable);
    }
    selection.reader = arguments.reader;
    return selection;
}

void print_row(const ScenarioReport& report, bool colour) {
    const int tint = report.verdict == Verdict::passed           ? 32
                     : report.verdict == Verdict::not_applicable ? 33
                                                                 : 31;
    const std::string verdict = fmt::format("{:<14}", word(report.verdict));
    const std::string shown = colour ? fmt::format("\x1B[{}m{}\x1B[0m", tint, verdict) : verdict;
    fmt::print("{} {:>7.2f} s  {}\n", shown, report.seconds, report.title);
    if (report.verdict == Verdict::not_applicable) {
        fmt::print("{:<14} {:>9}  {}\n", "", "", report.message);
    }
    for (const std::string& window : report.windows) {
        fmt::print("{:<14} {:>9}  window: {}\n", "", "", window);
    }
    std::fflush(stdout);
}

ExitStatus exit_status(const std::vector<ScenarioReport>& reports) {
    const auto any = [&](Verdict verdict) {
        return std::ranges::find(reports, verdict, &ScenarioReport::verdict) != reports.end();
    };
    if (any(Verdict::wrong_request)) {
        return ExitStatus::wrong_request;
    }
    if (any(Verdict::host_cannot)) {
        return ExitStatus::host_cannot;
    }
    if (any(Verdict::failed)) {
        return ExitStatus::something_did_not;
    }
    // Our own trouble, or no time: nobody knows what holds.
    return any(Verdict::timed_out) || any(Verdict::crashed) ? ExitStatus::incomplete : ExitStatus::all_held;
}

RunOptions run_options(const RunArguments& arguments) {
    RunOptions options;
    options.kind = arguments.reader;
    options.seed = arguments.seed;
    options.keep = arguments.files.keep;
    options.reproduce = {"cardrig", "run"};
    if (arguments.seed) {
        options.reproduce.insert(options.reproduce.end(), {"--seed", fmt::format("{}", *arguments.seed)});
    }
    if (arguments.reader == ReaderKind::vpcd) {
        options.reproduce.insert(options.reproduce.end(), {"--reader", "vpcd"});
    }
    if (!arguments.client.empty()) {
        options.reproduce.insert(options.reproduce.end(), {"--client", arguments.client});
    }
    return options;
}

std::size_t job_count(const RunArguments& arguments) {
    if (arguments.jobs != 0) {
        return arguments.jobs;
    }
    return std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, 4);
}

/// Also where all held: a host that refuses namespaces, and a client that leaves processes behind, want
/// telling.
void print_notices(const std::vector<std::string>& of_the_client,
                   const std::vector<ScenarioReport>& reports) {
    std::set<std::string> told;
    const auto tell = [&told](const std::string& notice) {
        if (told.insert(notice).second) {
            fmt::print("{}notice: {}\n", told.size() == 1 ? "\n" : "", notice);
        }
    };
    std::ranges::for_each(of_the_client, tell);
    for (const ScenarioReport& report : reports) {
        std::ranges::for_each(report.notices, tell);
    }
}

void print_failures(const std::vector<ScenarioReport>& reports) {
    for (const ScenarioReport& report : reports) {
        if (report.verdict != Verdict::passed && report.verdict != Verdict::not_applicable) {
            fmt::print("\n{}", report.text());
        }
    }
}

/// "12 of 14 scenarios passed, 3 not applicable, in 4.2 s (shard 2 of 5)"
std::string summary_line(const std::vector<ScenarioReport>& reports, std::size_t scenarios, double seconds,
                         const std::optional<Shard>& shard) {
    const auto passed = std::ranges::count(reports, Verdict::passed, &ScenarioReport::verdict);
    const auto skipped = static_cast<std::size_t>(
        std::ranges::count(reports, Verdict::not_applicable, &ScenarioReport::verdict));
    return fmt::format("{} of {} scenarios passed{}, in {:.1f} s{}", passed, scenarios - skipped,
                       skipped == 0 ? "" : fmt::format(", {} not applicable", skipped), seconds,
                       shard ? fmt::format(" (shard {} of {})", shard->number, shard->of) : "");
}

/// Those that would be run, and why others would not be.
int list_all(const std::vector<Scenario>& scenarios) {
    for (const Scenario& scenario : scenarios) {
        fmt::print("{}: {}\n", scenario.file, scenario.title);
        if (!scenario.not_applicable.empty()) {
            fmt::print("    {}: {}\n", word(Verdict::not_applicable), scenario.not_applicable);
        }
    }
    return static_cast<int>(ExitStatus::all_held);
}

int run_all(const RunArguments& arguments) {
    const RunSelection selection = selection_of(arguments);
    const std::vector<Scenario> scenarios = select_scenarios(selection);
    if (arguments.list) {
        return list_all(scenarios);
    }
    const RunOptions options = run_options(arguments);
    probe_report_files(arguments.files);
    const bool colour = colour_wanted(STDOUT_FILENO);
    const auto begin = std::chrono::steady_clock::now();
    const SignalWatch signals;
    PoolOptions pool{job_count(arguments), {}, signals};
    if (arguments.timeout) {
        pool.limit = std::chrono::seconds(*arguments.timeout);
    }
    const PoolResult result = run_pool(scenarios, options, pool,
                                       [colour](const ScenarioReport& report) { print_row(report, colour); });
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    print_notices(client_notices(selection, scenarios), result.reports);
    print_failures(result.reports);
    fmt::print("\n{}\n", summary_line(result.reports, scenarios.size(), took.count(), selection.shard));
    write_report_files(arguments.files, result.reports);
    if (result.interrupted_by != 0) {
        fmt::print(stderr, "cardrig: interrupted\n");
        return 128 + result.interrupted_by;
    }
    return static_cast<int>(exit_status(result.reports));
}

} // namespace

void add_run_command(CLI::App& app, int& status) {
    CLI::App* const run = app.add_subcommand("run", "Run scenarios and say what held");
    const auto arguments = std::make_shared<RunArguments>();
    arguments->paths = {"scenarios"};
    run->add_option("SCENARIO|FOLDER", arguments->paths, "scenario files, and folders of them (./scenarios)");
    run->add_option("--filter", arguments->filter, "only those whose title or path matches this expression");
    run->add_option("--jobs,-j", arguments->jobs, "how many at a time (one a core, at most 4)")
        ->check(CLI::Range(1, 64));
    run->add_option("--seed", arguments->seed, "makes the cards' keys and random numbers reproducible");
    run->add_option("--junit", arguments->files.junit, "write JUnit XML to this file");
    run->add_option("--json", arguments->files.json, "write the results to this file");
    run->add_option("--trace", arguments->files.trace,
                    "write everything that happened to this file, as JSON lines");
    run->add_option("--variant", arguments->variant,
                    "only this row of a matrix, exactly, as in 'expires=30 days'");
    run->add_flag("--list", arguments->list, "read and check them all, and list what would be run");
    run->add_option("--shard", arguments->shard,
                    "only part K of N of them: K/N, or 'auto' for CI_NODE_INDEX and CI_NODE_TOTAL");
    run->add_option(
        "--client", arguments->client,
        "run this in place of the scenarios' own client: the name or the .yaml file of a client that is "
        "described, or a command line; {reader}, {task} and the other placeholders hold");
    add_reader_option(*run, arguments->reader);
    run->add_option("--keep", arguments->files.keep,
                    "keep images, trace, output and report of each in this folder");
    run->add_option("--timeout", arguments->timeout,
                    "seconds that one scenario may take (the sum of its clients' limits, and 180)")
        ->check(CLI::Range(1, 86400));
    run->footer("A scenario file runs commands: treat it as code.\n"
                "Exit status: 0 all held, 1 something did not, 2 the request was wrong, 3 this host cannot,\n"
                "4 incomplete (a scenario took too long, or what ran it crashed).\n"
                "Examples:\n"
                "  cardrig run\n"
                "  cardrig run scenarios/self-renewal/locked.yaml --trace run.jsonl --keep /tmp/run\n"
                "  cardrig run --client ./my-client.yaml --junit results.xml\n"
                "  cardrig run --shard 2/5");
    run->callback([arguments, &status] { status = run_all(*arguments); });
}

} // namespace cardrig::harness
