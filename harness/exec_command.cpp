// cardrig exec --card PROFILE|IMAGE ... -- COMMAND ...
#include "harness/command_line.h"
#include "harness/errors.h"
#include "harness/files.h"
#include "harness/option_checks.h"
#include "harness/profile.h"
#include "harness/rig.h"
#include "harness/rigged_card.h"
#include "harness/signal_watch.h"
#include "harness/trace_file.h"

#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace cardrig::harness {

namespace {

struct ExecOptions {
    std::vector<std::string> cards;
    std::string image;
    std::optional<std::uint64_t> seed;
    std::string trace;
    bool show_secrets = false;
    std::vector<std::string> command;
};

void say(const std::string& text) {
    fmt::print(stderr, "cardrig exec: {}\n", text);
}

/// Runs the command and says how it ended.
int run_in_rig(Rig& rig, const ExecOptions& options) {
    for (const std::string& notice : rig.notices()) {
        say(notice);
    }
    ClientCommand client;
    client.argv = options.command;
    client.attached = true;
    const ClientResult result = rig.run(client);
    if (result.not_found) {
        say(fmt::format("{}: command not found", options.command.front()));
        return static_cast<int>(ExitStatus::command_not_found);
    }
    if (result.not_executable) {
        say(fmt::format("{}: found, and cannot be executed", options.command.front()));
        return static_cast<int>(ExitStatus::cannot_execute);
    }
    if (result.left_processes) {
        say("the command left processes behind; they were ended");
    }
    if (result.stopped_by != 0) {
        return signal_base + result.stopped_by;
    }
    return result.exit_status.value_or(signal_base + result.signal);
}

int run_with_cards(const ExecOptions& options) {
    if (options.cards.empty()) {
        throw RequestError(
            "no card: give one with --card, as in `cardrig exec --card piv-staff -- opensc-tool -n`");
    }
    if (options.command.empty()) {
        throw RequestError(
            "no command: give one after --, as in `cardrig exec --card piv-staff -- opensc-tool -n`");
    }
    if (!options.trace.empty()) {
        std::vector<std::string> others = options.cards;
        others.push_back(options.image);
        check_trace_place(options.trace, others);
    }
    const SignalWatch signals;
    Trace trace(options.show_secrets, Trace::Keep::nothing); // the file, if any, listens
    MakeOptions make;
    make.now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    std::vector<std::unique_ptr<RiggedCard>> cards;
    std::vector<RigReaderPlan> readers;
    for (const std::string& card : options.cards) {
        cards.push_back(std::make_unique<RiggedCard>(static_cast<int>(cards.size()), open_card(card, make),
                                                     options.seed, trace));
        readers.push_back({{}, cards.back().get()});
    }
    // Last: a request that is refused leaves an older trace as it is.
    std::unique_ptr<TraceFile> file;
    if (!options.trace.empty()) {
        file = std::make_unique<TraceFile>(options.trace);
        trace.set_listener([&file](const TraceEvent& event) { file->write(event); });
    }
    int status = 0;
    {
        RigOptions in;
        in.signals = &signals;
        Rig rig(readers, in);
        status = run_in_rig(rig, options);
    }
    if (!options.image.empty()) {
        write_file(options.image, cards.front()->image().serialize());
    }
    return status;
}

int exec(const ExecOptions& options) {
    try {
        return run_with_cards(options);
    } catch (const Interrupted& interrupted) {
        return signal_base + interrupted.signal();
    } catch (const RequestError& error) {
        say(error.what());
    } catch (const HostError& error) {
        say(error.what());
    }
    return static_cast<int>(ExitStatus::rig_trouble);
}

} // namespace

void add_exec_command(CLI::App& app, int& status) {
    CLI::App* const command =
        app.add_subcommand("exec", "Run any PC/SC client against private readers with these cards in");
    const auto options = std::make_shared<ExecOptions>();
    command
        ->add_option("--card", options->cards,
                     "a shipped profile's name, a profile, or a card image; give it twice for two readers")
        ->type_name("PROFILE|IMAGE")
        ->expected(1)
        ->allow_extra_args(false) // else it would swallow the -- before the command
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->check(not_empty());
    command
        ->add_option("--image,--keep-image", options->image,
                     "save the first card here when the command has ended")
        ->type_name("FILE")
        ->check(not_empty());
    command->add_option("--seed", options->seed, "make the cards' random numbers and keys reproducible")
        ->check(counting_number());
    command->add_option("--trace", options->trace, "write everything that happens here, as JSON lines")
        ->type_name("FILE")
        ->check(not_empty());
    command->add_flag("--show-secrets", options->show_secrets,
                      "do not redact passcodes and keys in the trace");
    command->footer(
        "The command finds the readers by PCSCLITE_CSOCK_NAME and is told their names in CARDRIG_READER and\n"
        "CARDRIG_READER_2. The rest is the user's own: environment, HOME, TMPDIR, terminal, and what "
        "clients\n"
        "keep there (OpenSC its cache, for one).\n"
        "Exit status: the command's own; 128+n if signal n ended it; 125 if the rig had trouble of its own,\n"
        "126 if the command cannot be executed, 127 if it does not exist.\n"
        "Examples: cardrig exec --card piv-staff -- opensc-tool --list-readers\n"
        "          cardrig exec --card my.card --image after.card -- ./my-client");
    command->add_option("command", options->command, "the command and its words")
        ->type_name("-- COMMAND ...");
    command->callback([options, &status] { status = exec(*options); });
}

} // namespace cardrig::harness
