// The command line: one subcommand a file, each registered here.
#pragma once

#include <string>
#include <vector>

namespace CLI { // NOLINT(readability-identifier-naming): the library's own
class App;
}

namespace cardrig::harness {

/// Exit status as in harness/errors.h.
int run_command_line(int argc, char** argv);

/// Each adds its subcommand; its callback stores the exit status through `status`.
void add_exec_command(CLI::App& app, int& status);
void add_run_command(CLI::App& app, int& status);
void add_sweep_command(CLI::App& app, int& status);
void add_merge_command(CLI::App& app, int& status);
void add_card_command(CLI::App& app, int& status);
void add_trace_command(CLI::App& app, int& status);
void add_serve_command(CLI::App& app, int& status);
void add_doctor_command(CLI::App& app, int& status);
void add_hand_command(CLI::App& app, int& status);
void add_authority_command(CLI::App& app, int& status);

} // namespace cardrig::harness
