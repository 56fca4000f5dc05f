// cardrig merge REPORT.json ...
#include "harness/command_line.h"
#include "harness/errors.h"
#include "harness/files.h"
#include "harness/option_checks.h"
#include "harness/sweep/progress_line.h"
#include "harness/sweep/sweep_report.h"
#include "harness/sweep/text_layout.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace cardrig::harness {

namespace {

struct MergeArguments {
    std::vector<std::string> reports;
    std::string json;
    std::string junit;
};

/// A report that is merged is not written over.
void check_output(const char* option, const std::string& path, const MergeArguments& arguments) {
    for (const std::string& report : arguments.reports) {
        if (!path.empty() && same_file(path, report)) {
            throw RequestError(fmt::format("{}: {} is one of the reports that are merged", option, path));
        }
    }
}

int merge_files(const MergeArguments& arguments) {
    check_output("--json", arguments.json, arguments);
    check_output("--junit", arguments.junit, arguments);
    if (!arguments.json.empty() && !arguments.junit.empty() && same_file(arguments.json, arguments.junit)) {
        throw RequestError(fmt::format("--json and --junit: both are {}", arguments.json));
    }
    std::vector<SweepReport> shards;
    shards.reserve(arguments.reports.size());
    for (const std::string& file : arguments.reports) {
        shards.push_back(load_sweep_report(file));
    }
    const SweepReport whole = merge(shards);
    if (!arguments.json.empty()) {
        save_sweep_report(arguments.json, whole);
    }
    if (!arguments.junit.empty()) {
        write_file(arguments.junit, std::string_view(junit(whole)));
    }
    fmt::print("{}", text(whole, terminal_columns(STDOUT_FILENO), colour_wanted(STDOUT_FILENO)));
    return exit_status(whole);
}

} // namespace

void add_merge_command(CLI::App& app, int& status) {
    CLI::App* const merge = app.add_subcommand("merge", "One report of the shards of a sweep");
    const auto arguments = std::make_shared<MergeArguments>();
    merge->add_option("REPORT", arguments->reports, "reports, as sweep --shard K/N --json writes them")
        ->required();
    merge->add_option("--json", arguments->json, "write the merged report to this file")->check(not_empty());
    merge->add_option("--junit", arguments->junit, "write it as JUnit XML to this file")->check(not_empty());
    merge->footer(
        "The reports are of one sweep: the same scenario, client, reader, seed and choice of places, and "
        "the\n"
        "same undisturbed run. What one shard found open, another one's recovery may decide.\n"
        "Exit status: 0 all held or was whole again in the end, 1 something was not, 2 the reports do not "
        "go\n"
        "together, 4 incomplete (a shard is missing, or a place was not reached).\n"
        "Examples:\n"
        "  cardrig merge shard-*.json --json sweep.json --junit sweep.xml\n"
        "  parallel cardrig sweep a.yaml --shard {}/4 --json {}.json ::: 1 2 3 4; cardrig merge [1-4].json");
    merge->callback([arguments, &status] { status = merge_files(*arguments); });
}

} // namespace cardrig::harness
