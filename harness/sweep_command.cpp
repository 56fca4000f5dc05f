// cardrig sweep SCENARIO
#include "harness/command_line.h"
#include "harness/errors.h"
#include "harness/files.h"
#include "harness/option_checks.h"
#include "harness/patterns.h"
#include "harness/reader_option.h"
#include "harness/report_files.h"
#include "harness/run_selection.h"
#include "harness/shell_word.h"
#include "harness/sweep/progress_line.h"
#include "harness/sweep/scratch_folder.h"
#include "harness/sweep/sweep_pool.h"
#include "harness/sweep/sweep_replay.h"
#include "harness/sweep/sweep_report.h"
#include "harness/sweep/sweep_run.h"
#include "harness/sweep/sweep_words.h"
#include "harness/sweep/text_layout.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace cardrig::harness {

namespace {

namespace fs = std::filesystem;

/// What a place may take besides its client's runs: making it ready, judging it, putting it away.
constexpr std::chrono::seconds time_for_the_rest{180};

struct SweepArguments {
    std::string scenario;
    std::optional<std::string> variant;
    std::string client;
    ReaderKind reader = ReaderKind::rig;
    std::uint64_t seed = 1;
    std::string phases;
    std::string models;
    std::string places;
    std::string budget;
    std::size_t jobs = 0;
    std::string shard;
    std::string json;
    std::string junit;
    std::string keep;
    std::string previous;
    std::string replay;
    StageOptions defaults;
    std::uint32_t reruns = defaults.reruns;
    std::uint32_t slowdown = defaults.slowdown;
    bool list = false;
};

std::optional<std::string> variable(const std::string& name) {
    const char* const value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

// --- what was asked for ------------------------------------------------------------------------------------

std::string variants_of(const std::vector<Scenario>& scenarios) {
    std::string words;
    for (const Scenario& scenario : scenarios) {
        words += fmt::format("\n  --variant {}", shell_word(scenario.variant));
    }
    return words;
}

Scenario the_scenario(const SweepArguments& arguments) {
    RunSelection selection;
    selection.paths = {arguments.scenario};
    selection.variant = arguments.variant;
    selection.client = arguments.client;
    selection.reader = arguments.reader;
    if (fs::is_directory(arguments.scenario)) {
        throw RequestError(
            fmt::format("{} is a folder; a sweep is of one scenario: name its file", arguments.scenario));
    }
    std::vector<Scenario> scenarios = select_scenarios(selection);
    if (scenarios.size() > 1) {
        throw RequestError(
            fmt::format("{}: a sweep is of one scenario, and this is a matrix of {}; say which:{}",
                        arguments.scenario, scenarios.size(), variants_of(scenarios)));
    }
    Scenario scenario = std::move(scenarios.front());
    if (!scenario.not_applicable.empty()) {
        throw RequestError(fmt::format("{}: {}", scenario.file, scenario.not_applicable));
    }
    return scenario;
}

const ScenarioClient& client_of(const Scenario& scenario) {
    return scenario.acts.front().run->client; // the first act is a run
}

std::string client_text(const SweepArguments& arguments, const Scenario& scenario) {
    if (!arguments.client.empty()) {
        return arguments.client;
    }
    const ScenarioClient& client = client_of(scenario);
    return client.use.empty() ? shell_words(client.command) : client.use;
}

SweepSelection selection_of(const SweepArguments& arguments) {
    SweepSelection selection;
    if (!arguments.phases.empty()) {
        selection.phases = phases_from_words(arguments.phases);
    }
    if (!arguments.models.empty()) {
        selection.models = models_from_words(arguments.models);
    }
    if (!arguments.places.empty()) {
        try {
            selection.places = compile_pattern(arguments.places);
        } catch (const RequestError& error) {
            throw RequestError(fmt::format("--places: {}", error.what()));
        }
    }
    return selection;
}

SweepSubject subject_of(const SweepArguments& arguments, const Scenario& scenario,
                        const SweepSelection& selection) {
    SweepSubject subject;
    subject.scenario = scenario.file;
    subject.variant = scenario.variant;
    subject.title = scenario.title;
    subject.client = client_text(arguments, scenario);
    subject.reader = word(arguments.reader);
    subject.seed = arguments.seed;
    for (const SweepPhase phase : all_sweep_phases) {
        if (selection.phases.contains(phase)) {
            subject.phases.emplace_back(word(phase));
        }
    }
    subject.models = selection.models;
    subject.places = arguments.places;
    subject.reruns = arguments.reruns;
    subject.slowdown = arguments.slowdown;
    return subject;
}

/// What tries one of its places again, without the place.
std::string replay_command(const SweepArguments& arguments) {
    std::vector<std::string> words{"cardrig", "sweep", arguments.scenario};
    const auto add = [&words](const char* option, std::string value) {
        words.insert(words.end(), {option, std::move(value)});
    };
    if (arguments.variant) {
        add("--variant", *arguments.variant);
    }
    if (!arguments.client.empty()) {
        add("--client", arguments.client);
    }
    if (arguments.reader != ReaderKind::rig) {
        add("--reader", std::string(word(arguments.reader)));
    }
    if (arguments.seed != 1) {
        add("--seed", std::to_string(arguments.seed));
    }
    if (arguments.reruns != arguments.defaults.reruns) {
        add("--reruns", std::to_string(arguments.reruns));
    }
    if (arguments.slowdown != arguments.defaults.slowdown) {
        add("--slowdown", std::to_string(arguments.slowdown));
    }
    words.emplace_back("--replay");
    return shell_words(words);
}

/// Runs mostly wait for each other's processes: more than one a core keeps the cores busy.
std::size_t job_count(const SweepArguments& arguments) {
    const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
    return arguments.jobs != 0 ? arguments.jobs : std::min<std::size_t>(2 * cores, 16);
}

SweepWorkOptions work_options(const SweepArguments& arguments, const SweepSelection& selection) {
    SweepWorkOptions work;
    work.stage.kind = arguments.reader;
    work.stage.seed = arguments.seed;
    work.stage.reruns = arguments.reruns;
    work.stage.slowdown = arguments.slowdown;
    work.selection = selection;
    return work;
}

SweepPoolOptions pool_options(std::size_t jobs, const SweepArguments& arguments, const Scenario& scenario,
                              const SignalWatch& signals) {
    // The interrupted run, and those after it; of the undisturbed one, two and two more where they differ.
    const auto runs = static_cast<std::int64_t>(arguments.reruns) + 1;
    return {jobs, client_of(scenario).limit * std::max<std::int64_t>(runs, 4) + time_for_the_rest,
            std::chrono::seconds(10), signals};
}

// --- a sweep -----------------------------------------------------------------------------------------------

void write_json(const std::string& path, const SweepReport& report) {
    if (!path.empty()) {
        write_file(path,
                   report.to_json().dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    }
}

/// Each is written, whatever becomes of the other.
void write_reports(const SweepArguments& arguments, const SweepReport& report) {
    std::string mistakes;
    const auto guard = [&mistakes](const auto& work) {
        try {
            work();
        } catch (const RequestError& error) {
            mistakes += (mistakes.empty() ? "" : "\n") + std::string(error.what());
        }
    };
    guard([&] { write_json(arguments.json, report); });
    guard([&] {
        if (!arguments.junit.empty()) {
            write_file(arguments.junit, std::string_view(junit(report)));
        }
    });
    if (!mistakes.empty()) {
        throw RequestError(mistakes);
    }
}

void print_report(const SweepReport& report) {
    fmt::print("{}", text(report, terminal_columns(STDOUT_FILENO), colour_wanted(STDOUT_FILENO)));
}

int list_places(const SweepListing& listing, const SweepSelection& selection, const Shard& shard) {
    const auto shows = [&](SweepPhase phase) { return selection.phases.contains(phase); };
    std::size_t count = 0;
    if (shows(SweepPhase::memory)) {
        for (const PlannedPlace& place : listing.record.memory) {
            fmt::print("{}\n", place.place.text());
            ++count;
        }
    }
    for (const PlannedPlace& place : listing.record.live) {
        fmt::print("{}\n", place.place.text());
        ++count;
    }
    fmt::print("\n{} places of a run with {} commands, {} memory writes and {} requests{}\n", count,
               listing.record.run.commands, listing.record.run.writes, listing.record.run.requests,
               shard.of == 1 ? "" : fmt::format(" (live places of shard {} of {})", shard.number, shard.of));
    if (shows(SweepPhase::recovery)) {
        fmt::print("and one of the recovery phase for each different state that the memory writes leave\n");
    }
    for (const std::string& notice : listing.notices) {
        fmt::print("notice: {}\n", notice);
    }
    return static_cast<int>(ExitStatus::all_held);
}

int interrupted(int signal, const std::string& json) {
    fmt::print(stderr, "cardrig: interrupted{}\n",
               json.empty() ? "" : fmt::format("; --continue {} goes on from here", shell_word(json)));
    return signal_base + signal;
}

SweepRunOptions run_options(const SweepArguments& arguments, const Scenario& scenario,
                            const SweepSelection& selection, const Shard& shard) {
    SweepRunOptions run;
    run.subject = subject_of(arguments, scenario, selection);
    run.phases = selection.phases;
    run.shard = shard;
    run.keep = arguments.keep;
    if (!arguments.previous.empty()) {
        run.previous = load_sweep_report(arguments.previous);
    }
    run.replay = replay_command(arguments);
    if (!arguments.json.empty()) {
        run.checkpoint = [path = arguments.json](const SweepReport& report) { write_json(path, report); };
    }
    return run;
}

int sweep_all(const SweepArguments& arguments, const Scenario& scenario, const SweepSelection& selection) {
    const Shard shard = arguments.shard.empty() ? Shard{} : parse_shard(arguments.shard, variable);
    SweepRunOptions run = run_options(arguments, scenario, selection, shard);
    SweepWorkOptions work = work_options(arguments, selection);
    if (!arguments.budget.empty()) {
        run.until = std::chrono::steady_clock::now() + budget_from_words(arguments.budget);
        work.until = run.until;
    }
    const SignalWatch signals;
    SweepPool pool(make_sweep_work(scenario, work),
                   pool_options(job_count(arguments), arguments, scenario, signals));
    SweepRun sweep(pool, std::move(run));
    ProgressLine line;
    sweep.on_progress([&line](const SweepProgress& progress) { line.show(progress); });
    if (arguments.list) {
        const SweepListing listing = sweep.list();
        line.clear();
        return listing.signal == 0 ? list_places(listing, selection, shard) : interrupted(listing.signal, "");
    }
    const SweepRun::Result result = sweep.run();
    pool.end();
    line.clear();
    if (!result.known) {
        return interrupted(result.signal, "");
    }
    print_report(result.report);
    std::fflush(stdout);
    write_reports(arguments, result.report);
    return result.signal != 0 ? interrupted(result.signal, arguments.json) : exit_status(result.report);
}

// --- one place ---------------------------------------------------------------------------------------------

/// Where the user has named no folder: gone in the end.
class ReplayFolder {
public:
    explicit ReplayFolder(std::string wanted) : path_(std::move(wanted)) {
        if (path_.empty()) {
            path_ = ours_.emplace().path();
        }
    }
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
    std::optional<ScratchFolder> ours_;
};

SweepPlace place_of(const std::string& id) {
    auto place = SweepPlace::parse(id);
    if (!place) {
        throw RequestError(fmt::format("--replay: {}", place.error().message));
    }
    if (const auto fits = Fault{place->place, place->effect}.check(); !fits) {
        throw RequestError(fmt::format("--replay: {}", fits.error().message));
    }
    return *place;
}

int replay_one(const SweepArguments& arguments, const Scenario& scenario, const SweepSelection& selection) {
    const SweepPlace place = place_of(arguments.replay);
    const ReplayFolder folder(arguments.keep);
    const SignalWatch signals;
    SweepPool pool(make_sweep_work(scenario, work_options(arguments, selection)),
                   pool_options(1, arguments, scenario, signals));
    SweepReplay one = replay(pool, subject_of(arguments, scenario, selection), place, folder.path());
    pool.end();
    if (one.signal != 0) {
        return interrupted(one.signal, "");
    }
    fmt::print("{}", one.text);
    std::fflush(stdout);
    one.report.replay = replay_command(arguments);
    conclude(one.report);
    write_reports(arguments, one.report);
    return exit_status(one.report);
}

void check_together(const SweepArguments& arguments) {
    const auto refuse_with = [](bool given, const char* one, const char* other, const char* why) {
        if (given) {
            throw RequestError(fmt::format("{} and {} do not go together: {}", one, other, why));
        }
    };
    const auto refuse_all = [&](const char* other, const char* why,
                                std::initializer_list<std::pair<const char*, bool>> options) {
        for (const auto& [option, given] : options) {
            refuse_with(given, option, other, why);
        }
    };
    const bool replay = !arguments.replay.empty();
    refuse_with(replay && !arguments.previous.empty(), "--replay", "--continue", "one tries one place alone");
    refuse_with(replay && !arguments.shard.empty(), "--replay", "--shard", "one tries one place alone");
    refuse_with(replay && arguments.list, "--replay", "--list", "one tries, the other does not");
    refuse_with(replay && !arguments.budget.empty(), "--replay", "--budget", "one place is tried to its end");
    if (replay) {
        refuse_all("--replay", "the one place is named whole",
                   {{"--phases", !arguments.phases.empty()},
                    {"--models", !arguments.models.empty()},
                    {"--places", !arguments.places.empty()}});
    }
    if (arguments.list) {
        refuse_all("--list", "nothing is tried, and there is no report",
                   {{"--continue", !arguments.previous.empty()},
                    {"--json", !arguments.json.empty()},
                    {"--junit", !arguments.junit.empty()},
                    {"--keep", !arguments.keep.empty()},
                    {"--budget", !arguments.budget.empty()},
                    {"--reruns", arguments.reruns != arguments.defaults.reruns},
                    {"--slowdown", arguments.slowdown != arguments.defaults.slowdown}});
    }
}

int sweep(SweepArguments arguments) {
    check_together(arguments);
    const SweepSelection selection = selection_of(arguments);
    if (!arguments.budget.empty()) {
        static_cast<void>(budget_from_words(arguments.budget));
    }
    if (arguments.json.empty()) {
        arguments.json = arguments.previous; // it is the same sweep
    }
    const Scenario scenario = the_scenario(arguments);
    ReportFiles files;
    files.json = arguments.json;
    files.junit = arguments.junit;
    files.keep = arguments.keep;
    probe_report_files(files);
    return arguments.replay.empty() ? sweep_all(arguments, scenario, selection)
                                    : replay_one(arguments, scenario, selection);
}

void add_what_is_tried(CLI::App& command, const std::shared_ptr<SweepArguments>& arguments) {
    command
        .add_option("--phases", arguments->phases,
                    "only these of memory, recovery, live; commas between them")
        ->check(not_empty());
    command
        .add_option("--models", arguments->models,
                    "only these, commas between them: tearing models (prefix, 'prefix half', ...), and what "
                    "is done at "
                    "commands and requests (cut-power, 'kill-client after', 'fail 503 before', ...)")
        ->check(not_empty());
    command
        .add_option("--places", arguments->places,
                    "only places in whose words (without phase and effect) this expression is found, as in "
                    "'put-data .* before' or 'write #12$'")
        ->check(not_empty());
    command
        .add_option("--budget", arguments->budget,
                    "stop after this time ('90 s', '10 minutes', '2h'); what was not reached is said")
        ->check(not_empty());
    command
        .add_option("--shard", arguments->shard,
                    "only part K of N: K/N, or 'auto' for CI_NODE_INDEX and CI_NODE_TOTAL; see cardrig merge")
        ->check(not_empty());
    command
        .add_option("--reruns", arguments->reruns,
                    "so often may the client be run again until its job is done (2)")
        ->check(CLI::Range(1, 20));
    command
        .add_option("--slowdown", arguments->slowdown,
                    "so many times the undisturbed run's commands and time may a run after a cut take (10)")
        ->check(CLI::Range(1, 1000));
}

void add_what_is_left(CLI::App& command, const std::shared_ptr<SweepArguments>& arguments) {
    command
        .add_option("--json", arguments->json, "write the report to this file, again and again while it runs")
        ->check(not_empty());
    command.add_option("--junit", arguments->junit, "write JUnit XML to this file")->check(not_empty());
    command
        .add_option("--keep", arguments->keep, "keep each finding's images, trace and output in this folder")
        ->check(not_empty());
    command
        .add_option(
            "--continue", arguments->previous,
            "go on from the report of a sweep that was ended: what it has not reached, and what failed or "
            "diverged; without --json that report is written over")
        ->check(not_empty());
    command
        .add_option(
            "--replay", arguments->replay,
            "try one place alone, by its id in a report, as in 'live: generate-key-pair 9A after: cut-power'")
        ->check(not_empty());
    command.add_flag("--list,--dry-run", arguments->list, "record, and list the places, without trying any");
}

} // namespace

void add_sweep_command(CLI::App& app, int& status) {
    CLI::App* const command = app.add_subcommand("sweep", "Try every interruption of one scenario");
    const auto arguments = std::make_shared<SweepArguments>();
    command->add_option("SCENARIO", arguments->scenario, "a scenario's file")->required();
    command
        ->add_option(
            "--client", arguments->client,
            "run this in place of the scenario's own client: the name or the .yaml file of a client that is "
            "described, or a command line; {reader}, {task} and the other placeholders hold")
        ->check(not_empty());
    command->add_option("--variant", arguments->variant,
                        "this row of a matrix, exactly, as in 'expires=30 days'");
    add_reader_option(*command, arguments->reader);
    command->add_option("--seed", arguments->seed, "of the cards' keys and random numbers (1)")
        ->check(counting_number());
    command->add_option("--jobs,-j", arguments->jobs, "how many rigs at a time (two a core, at most 16)")
        ->check(CLI::Range(1, 64));
    add_what_is_tried(*command, arguments);
    add_what_is_left(*command, arguments);
    command->footer(
        "The scenario's first run is recorded undisturbed; its faults and what follows it are left out.\n"
        "A scenario file runs commands: treat it as code.\n"
        "Exit status: 0 nothing is worse than a window, 1 a promise is broken for good, 2 the request was "
        "wrong,\n"
        "3 this host cannot, 4 incomplete (a budget, a place that was not reached or could not be tried).\n"
        "Examples:\n"
        "  cardrig sweep scenarios/self-renewal/in-window.yaml\n"
        "  cardrig sweep scenarios/self-renewal/in-window.yaml --client ./my-client.yaml --junit sweep.xml\n"
        "  cardrig sweep s.yaml --phases live --models cut-power,kill-client --places put-data\n"
        "  cardrig sweep s.yaml --budget '10 minutes' --json sweep.json\n"
        "  cardrig sweep s.yaml --continue sweep.json\n"
        "  cardrig sweep s.yaml --replay 'live: generate-key-pair 9A after: cut-power' --keep found\n"
        "  seq 4 | parallel cardrig sweep s.yaml --jobs 1 --shard {}/4 --json part-{}.json");
    command->callback([arguments, &status] { status = sweep(*arguments); });
}

} // namespace cardrig::harness
