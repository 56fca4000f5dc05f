// cardrig exec --card PROFILE|IMAGE ... -- COMMAND ...
#include "harness/command_line.h"
#include "harness/errors.h"
#include "harness/exec_cards.h"
#include "harness/hand/rig_control.h"
#include "harness/option_checks.h"
#include "harness/reader_option.h"
#include "harness/rig.h"
#include "harness/signal_watch.h"
#include "harness/trace_file.h"

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace cardrig::harness {

namespace {

struct ExecOptions {
    ExecCardsRequest cards;
    ReaderKind reader = ReaderKind::rig;
    std::string trace;
    std::string control; ///< as control_option() reads it
    bool show_secrets = false;
    std::vector<std::string> command;
};

void say(const std::string& text) {
    fmt::print(stderr, "cardrig exec: {}\n", text);
}

/// Runs the command and says how it ended.
int run_in_rig(Rig& rig, const ExecOptions& options, const RigControl* control) {
    for (const std::string& notice : rig.notices()) {
        say(notice);
    }
    ClientCommand client;
    client.argv = options.command;
    client.attached = true;
    client.environment = control_environment(control);
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

void check_request(const ExecOptions& options) {
    if (options.command.empty()) {
        throw RequestError(
            "no command: give one after --, as in `cardrig exec --card piv-staff -- opensc-tool -n`");
    }
    if (!options.trace.empty()) {
        std::vector<std::string> others;
        for (const auto& files : {options.cards.cards, options.cards.spares, options.cards.images}) {
            others.insert(others.end(), files.begin(), files.end());
        }
        check_trace_place(options.trace, others);
    }
}

int run_with_cards(const ExecOptions& options) {
    check_request(options);
    const SignalWatch signals;
    Trace trace(options.show_secrets, Trace::Keep::nothing); // the file, if any, listens
    const ExecCards cards(options.cards, trace);
    // Last: a request that is refused leaves an older trace as it is.
    std::unique_ptr<TraceFile> file;
    if (!options.trace.empty()) {
        file = std::make_unique<TraceFile>(options.trace);
        trace.set_listener([&file](const TraceEvent& event) { file->write(event); });
    }
    int status = 0;
    {
        Rig rig(cards.readers(), {options.reader, &signals});
        const auto control =
            make_control(rig, numbered(cards.cards()), trace, control_option(options.control));
        status = run_in_rig(rig, options, control.get());
    }
    cards.save();
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

/// An option that takes one word, and may be given again.
CLI::Option* add_words(CLI::App& command, const std::string& name, std::vector<std::string>& words,
                       const std::string& description) {
    return command.add_option(name, words, description)
        ->expected(1)
        ->allow_extra_args(false) // else it would swallow the -- before the command
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->check(not_empty());
}

} // namespace

void add_exec_command(CLI::App& app, int& status) {
    CLI::App* const command =
        app.add_subcommand("exec", "Run any PC/SC client against private readers with these cards in");
    const auto options = std::make_shared<ExecOptions>();
    add_words(*command, "--card", options->cards.cards,
              "a shipped profile's name, a profile, or a card image; each is in a reader of its own")
        ->type_name("PROFILE|IMAGE");
    add_words(*command, "--spare", options->cards.spares,
              "a card that is in no reader; cards are numbered from 1, these after the others")
        ->type_name("PROFILE|IMAGE");
    add_words(*command, "--image,--keep-image", options->cards.images,
              "save the card here when the command has ended; the first is for the first card, and so on")
        ->type_name("FILE");
    add_reader_option(*command, options->reader);
    add_words(*command, "--reader-name", options->cards.reader_names,
              "what a reader's name begins with (PC/SC puts numbers behind it); the first is for the first "
              "reader, and "
              "a name more than there are cards makes an empty one")
        ->type_name("NAME");
    command
        ->add_option("--readers", options->cards.readers, "how many readers; those without a card are empty")
        ->check(counting_number());
    command->add_option("--seed", options->cards.seed, "make the cards' random numbers and keys reproducible")
        ->check(counting_number());
    command->add_option("--trace", options->trace, "write everything that happens here, as JSON lines")
        ->type_name("FILE")
        ->check(not_empty());
    command->add_flag(
        "--control", options->control,
        "let `cardrig hand` move the cards: the command is told where in CARDRIG_CONTROL; with\n"
        "--control=PATH at a socket there, which it is not told of");
    command->add_flag("--show-secrets", options->show_secrets,
                      "do not redact passcodes and keys in the trace");
    command->footer(
        "The command finds the readers by PCSCLITE_CSOCK_NAME and is told their names in CARDRIG_READER,\n"
        "CARDRIG_READER_2 and so on. The rest is the user's own: environment, HOME, TMPDIR, terminal, and\n"
        "what clients keep there (OpenSC its cache, for one).\n"
        "Exit status: the command's own; 128+n if signal n ended it; 125 if the rig had trouble of its own,\n"
        "126 if the command cannot be executed, 127 if it does not exist.\n"
        "Examples: cardrig exec --card piv-staff -- opensc-tool --list-readers\n"
        "          cardrig exec --card my.card --image after.card -- ./my-client\n"
        "          cardrig exec --card piv-staff --control -- sh -c 'cardrig hand remove; opensc-tool -l'\n"
        "          cardrig exec --card piv-yubico --reader-name Yubikey -- yubico-piv-tool -a status");
    command->add_option("command", options->command, "the command and its words")
        ->type_name("-- COMMAND ...");
    command->callback([options, &status] { status = exec(*options); });
}

} // namespace cardrig::harness
