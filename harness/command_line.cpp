#include "harness/command_line.h"

#include "harness/errors.h"
#include "harness/hand/rig_control.h"
#include "harness/yaml.h"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <functional>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace cardrig::harness {

namespace {

int status_of(ExitStatus status) {
    return static_cast<int>(status);
}

void complain(const std::string& message) {
    fmt::print(stderr, "cardrig: {}\n", message);
}

/// The innermost subcommand that was named: its words are the ones that could have been meant.
const CLI::App& innermost(const CLI::App& app) {
    const auto named = app.get_subcommands();
    return named.empty() ? app : innermost(*named.front());
}

std::vector<std::string> words_of(const CLI::App& app, bool options) {
    std::vector<std::string> words;
    if (options) {
        for (const CLI::Option* option : app.get_options()) {
            for (const std::string& name : option->get_lnames()) {
                words.push_back("--" + name);
            }
        }
        return words;
    }
    for (const CLI::App* subcommand : app.get_subcommands([](const CLI::App*) { return true; })) {
        words.push_back(subcommand->get_name());
    }
    return words;
}

/// CLI11 says what is wrong; the word that nothing took, and what it may have meant, are told here.
std::string parse_message(const CLI::App& app, const CLI::ParseError& error) {
    const CLI::App& where = innermost(app);
    std::string command = app.get_name();
    for (const CLI::App* at = &app; at != &where; command += " " + at->get_name()) {
        at = at->get_subcommands().front();
    }
    if (dynamic_cast<const CLI::ValidationError*>(&error) != nullptr) {
        return fmt::format("{} (see {} --help)", error.what(), command); // a known option's value
    }
    const auto leftover = app.remaining(true);
    const auto commands = words_of(where, false);
    if (leftover.empty() && !commands.empty()) {
        return fmt::format("a command is missing: {} (see {} --help)", fmt::join(commands, ", "), command);
    }
    if (leftover.empty()) {
        return fmt::format("{} (see {} --help)", error.what(), command);
    }
    // An option that nobody knows may have left its value, or the words after it, without a place.
    const auto dashed =
        std::ranges::find_if(leftover, [](const auto& word) { return word.starts_with('-'); });
    const bool option = dashed != leftover.end();
    const std::string& given = option ? *dashed : leftover.front();
    const std::string word = given.substr(0, given.find('='));
    const auto known = option ? words_of(where, true) : commands;
    const std::string what =
        known.empty() ? fmt::format("'{}' is one word too many", word)
                      : fmt::format("{} {}", option ? "option" : "command", unknown_word(word, known));
    return fmt::format("{} (see {} --help)", what, command);
}

/// exec stands for the command that it runs, whose own statuses include 2 and 3: as env does, it keeps its
/// own troubles apart.
int trouble_status(const CLI::App& app, ExitStatus status) {
    return app.got_subcommand("exec") ? status_of(ExitStatus::rig_trouble) : status_of(status);
}

int run_guarded(const CLI::App& app, const std::function<int()>& action) {
    try {
        return action();
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == status_of(ExitStatus::all_held)) {
            return app.exit(error); // --help and --version
        }
        complain(parse_message(app, error));
        return trouble_status(app, ExitStatus::wrong_request);
    } catch (const RequestError& error) {
        complain(error.what());
        return trouble_status(app, ExitStatus::wrong_request);
    } catch (const HostError& error) {
        complain(error.what());
        return trouble_status(app, ExitStatus::host_cannot);
    } catch (const std::exception& error) {
        complain(fmt::format("unexpected trouble: {}", error.what()));
        return trouble_status(app, ExitStatus::host_cannot);
    }
}

/// What a full disk or a closed pipe swallowed was not delivered.
int flushed(int status) {
    if (std::fflush(stdout) != 0 && status == status_of(ExitStatus::all_held)) {
        complain("cannot write the output");
        return status_of(ExitStatus::host_cannot);
    }
    return status;
}

} // namespace

int run_command_line(int argc, char** argv) {
    CLI::App app(
        "A virtual PIV smartcard, and the rig that runs clients against it and makes things go wrong.",
        "cardrig");
    app.set_version_flag("--version", "cardrig " CARDRIG_VERSION, "Print the version and leave");
    app.set_help_flag("-h,--help", "Print this help and leave");
    app.require_subcommand(1);
    app.footer(
        "Examples:\n"
        "  cardrig exec --card piv-staff -- opensc-tool -n\n"
        "  cardrig run scenarios\n"
        "  cardrig sweep scenarios/self-renewal/in-window.yaml\n"
        "  cardrig card new piv-staff -o a.card --set certificates.9A.expires='10 days'\n"
        "  cardrig card show a.card\n"
        "  cardrig serve --card a.card --image a.card\n"
        "  cardrig authority --card holder=piv-staff --folder ra\n"
        "  cardrig doctor\n"
        "Each command has a --help of its own.\n\n"
        "Exit status: 0 all held; 1 something did not; 2 the request was wrong; 3 this host cannot do\n"
        "it; 4 it did not come to an end (a time-out, a budget, a crash of the rig itself). exec gives its "
        "command's\n"
        "own status, and 125 to 127 for its own troubles.");
    int status = 0;
    add_exec_command(app, status);
    app.get_subcommand("exec")->preparse_callback([&](std::size_t) {
        check_control_words({argv + 1, argv + argc});
    });
    add_run_command(app, status);
    add_sweep_command(app, status);
    add_merge_command(app, status);
    add_card_command(app, status);
    add_trace_command(app, status);
    add_serve_command(app, status);
    add_doctor_command(app, status);
    add_hand_command(app, status);
    add_authority_command(app, status);
    return flushed(run_guarded(app, [&] {
        app.parse(argc, argv);
        return status;
    }));
}

} // namespace cardrig::harness
