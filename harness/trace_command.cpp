// cardrig trace show FILE; cardrig trace compare FILE FILE
#include "apdu/printable.h"
#include "harness/command_line.h"
#include "harness/errors.h"
#include "harness/trace_compare.h"
#include "harness/trace_file.h"

#include <memory>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace cardrig::harness {

namespace {

int show(const std::string& path) {
    for (const TraceEvent& event : read_trace(path)) {
        fmt::print("{}\n", readable(event));
    }
    return static_cast<int>(ExitStatus::all_held);
}

void print_side(const std::string& path, const std::optional<NormalisedEvent>& event) {
    if (event) {
        fmt::print("  {}: event {}: {}\n", path, event->number, apdu::printable(event->text()));
    } else {
        fmt::print("  {}: ends before it\n", path);
    }
}

/// Whose events: of a reader, or of none.
std::string whose(int reader) {
    return reader < 0 ? std::string("without a reader") : fmt::format("of reader {}", reader);
}

int compare_files(const std::string& first_path, const std::string& second_path) {
    const NormalisedTrace first = normalised(read_trace(first_path), first_path);
    const NormalisedTrace second = normalised(read_trace(second_path), second_path);
    const std::vector<TraceDifference> differences = compare(first, second);
    for (const TraceDifference& difference : differences) {
        fmt::print("step {} {} differs\n", difference.position, whose(difference.reader));
        print_side(first_path, difference.first);
        print_side(second_path, difference.second);
    }
    if (!differences.empty()) {
        return static_cast<int>(ExitStatus::something_did_not);
    }
    std::size_t steps = 0;
    for (const auto& [reader, events] : first) {
        steps += events.size();
    }
    fmt::print("the same {} steps\n", steps);
    return static_cast<int>(ExitStatus::all_held);
}

void add_show(CLI::App& trace, int& status) {
    CLI::App* const shown = trace.add_subcommand("show", "A trace as text: what happened, in order");
    const auto path = std::make_shared<std::string>();
    shown->add_option("FILE", *path, "a trace, as --trace writes it")->required();
    shown->footer(
        "Columns: number, seconds since the start, reader, kind, meaning with its bytes and status.\n"
        "Example: cardrig run scenarios --trace run.jsonl; cardrig trace show run.jsonl");
    shown->callback([path, &status] { status = show(*path); });
}

void add_compare(CLI::App& trace, int& status) {
    CLI::App* const compared = trace.add_subcommand("compare", "Whether the same happened in two traces");
    const auto paths = std::make_shared<std::pair<std::string, std::string>>();
    compared->add_option("FILE", paths->first, "a trace, as --trace writes it")->required();
    compared->add_option("OTHER", paths->second, "another one")->required();
    compared->footer(
        "Compared for each reader: the meaning of commands, lengths, status words, faults, cards that come\n"
        "and go. Left aside: times, random numbers, memory writes, power events, what the client printed.\n"
        "The first difference of each reader is shown. Exit status: 0 the same; 1 different.\n"
        "Example: cardrig exec --card piv-staff --seed 1 --trace a.jsonl -- ./my-client; the same again\n"
        "         with --trace b.jsonl; cardrig trace compare a.jsonl b.jsonl");
    compared->callback([paths, &status] { status = compare_files(paths->first, paths->second); });
}

} // namespace

void add_trace_command(CLI::App& app, int& status) {
    CLI::App* const trace = app.add_subcommand("trace", "Read traces");
    trace->require_subcommand(1);
    add_show(*trace, status);
    add_compare(*trace, status);
}

} // namespace cardrig::harness
