// cardrig trace show FILE
#include "harness/command_line.h"
#include "harness/errors.h"
#include "harness/trace_file.h"

#include <memory>
#include <string>

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

} // namespace

void add_trace_command(CLI::App& app, int& status) {
    CLI::App* const trace = app.add_subcommand("trace", "Read traces");
    trace->require_subcommand(1);
    CLI::App* const shown = trace->add_subcommand("show", "A trace as text: what happened, in order");
    const auto path = std::make_shared<std::string>();
    shown->add_option("FILE", *path, "a trace, as --trace writes it")->required();
    shown->footer(
        "Columns: number, seconds since the start, reader, kind, meaning with its bytes and status.\n"
        "Example: cardrig run scenarios --trace run.jsonl; cardrig trace show run.jsonl");
    shown->callback([path, &status] { status = show(*path); });
}

} // namespace cardrig::harness
