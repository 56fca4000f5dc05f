// cardrig run [SCENARIO|FOLDER ...]
#include "harness/command_line.h"
#include "harness/errors.h"
#include "harness/patterns.h"
#include "harness/reader_option.h"
#include "harness/report_files.h"
#include "harness/scenario.h"
#include "harness/scenario_cards.h"
#include "harness/scenario_pool.h"
#include "harness/scenario_run.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <regex>
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
    std::string client;
    ReaderKind reader = ReaderKind::rig;
    std::optional<unsigned> timeout;
};

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
    if (words.empty() && !text.empty()) {
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

/// Every file is read, and every card made once, before anything runs: all mistakes are told at once.
std::vector<Scenario> load_all(const RunArguments& arguments) {
    const auto filter = filter_expression(arguments.filter);
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    std::vector<Scenario> scenarios;
    std::string mistakes;
    std::map<std::string, std::string> titles;
    for (const std::string& file : find_scenarios(arguments.paths)) {
        try {
            Scenario scenario = load_scenario(file);
            if (filter && !matches_some_line(scenario.title, *filter) && !matches_some_line(file, *filter)) {
                continue;
            }
            check_scenario_readers(scenario, arguments.reader);
            static_cast<void>(make_scenario_cards(scenario, now));
            const auto [twin, fresh] = titles.emplace(scenario.title, file);
            if (!fresh) {
                throw RequestError(
                    fmt::format("{}: the title '{}' is that of {} too", file, scenario.title, twin->second));
            }
            scenarios.push_back(std::move(scenario));
        } catch (const RequestError& error) {
            mistakes += (mistakes.empty() ? "" : "\n") + std::string(error.what());
        }
    }
    if (!mistakes.empty()) {
        throw RequestError(mistakes);
    }
    if (scenarios.empty()) {
        throw RequestError(fmt::format("no scenario matches '{}'", arguments.filter));
    }
    return scenarios;
}

/// Colour on a terminal, unless NO_COLOR is set and not empty (no-color.org).
bool colour_wanted() {
    const char* const refused = std::getenv("NO_COLOR");
    return ::isatty(STDOUT_FILENO) == 1 && (refused == nullptr || *refused == '\0');
}

void print_row(const ScenarioReport& report, bool colour) {
    const bool passed = report.verdict == Verdict::passed;
    const std::string verdict = fmt::format("{:<13}", word(report.verdict));
    const std::string shown = colour ? fmt::format("\x1B[{}m{}\x1B[0m", passed ? 32 : 31, verdict) : verdict;
    fmt::print("{} {:>7.2f} s  {}\n", shown, report.seconds, report.title);
    for (const std::string& window : report.windows) {
        fmt::print("{:<13} {:>9}  window: {}\n", "", "", window);
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

/// Placeholders that one of the scenarios has not are refused before any of them runs.
void check_client(const std::vector<std::string>& client, const std::vector<Scenario>& scenarios) {
    for (const Scenario& scenario : scenarios) {
        for (const std::string& word : client) {
            try {
                check_placeholders(word, placeholder_names(scenario));
            } catch (const RequestError& error) {
                throw RequestError(fmt::format("--client: {} (for {})", error.what(), scenario.file));
            }
        }
    }
}

RunOptions run_options(const RunArguments& arguments, const std::vector<Scenario>& scenarios) {
    RunOptions options;
    options.kind = arguments.reader;
    options.seed = arguments.seed;
    options.client = split_command(arguments.client);
    check_client(options.client, scenarios);
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
void print_notices(const std::vector<ScenarioReport>& reports) {
    std::set<std::string> told;
    for (const ScenarioReport& report : reports) {
        for (const std::string& notice : report.notices) {
            if (told.insert(notice).second) {
                fmt::print("{}notice: {}\n", told.size() == 1 ? "\n" : "", notice);
            }
        }
    }
}

void print_failures(const std::vector<ScenarioReport>& reports) {
    for (const ScenarioReport& report : reports) {
        if (report.verdict != Verdict::passed) {
            fmt::print("\n{}", report.text());
        }
    }
}

int run_all(const RunArguments& arguments) {
    const std::vector<Scenario> scenarios = load_all(arguments);
    const RunOptions options = run_options(arguments, scenarios);
    probe_report_files(arguments.files);
    const bool colour = colour_wanted();
    const auto begin = std::chrono::steady_clock::now();
    const SignalWatch signals;
    PoolOptions pool{job_count(arguments), {}, signals};
    if (arguments.timeout) {
        pool.limit = std::chrono::seconds(*arguments.timeout);
    }
    const PoolResult result = run_pool(scenarios, options, pool,
                                       [colour](const ScenarioReport& report) { print_row(report, colour); });
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    print_notices(result.reports);
    print_failures(result.reports);
    const auto passed = std::ranges::count(result.reports, Verdict::passed, &ScenarioReport::verdict);
    fmt::print("\n{} of {} scenarios passed, in {:.1f} s\n", passed, scenarios.size(), took.count());
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
    run->add_option("--client", arguments->client,
                    "run this command line in place of the scenarios' own client; {reader} and the other "
                    "placeholders hold");
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
                "  cardrig run --client ./my-client --junit results.xml");
    run->callback([arguments, &status] { status = run_all(*arguments); });
}

} // namespace cardrig::harness
