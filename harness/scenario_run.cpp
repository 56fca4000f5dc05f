#include "harness/scenario_run.h"

#include "harness/card_diff.h"
#include "harness/client_output.h"
#include "harness/errors.h"
#include "harness/expectations.h"
#include "harness/files.h"
#include "harness/rig.h"
#include "harness/rigged_card.h"
#include "harness/signal_watch.h"
#include "harness/system_clock.h"
#include "harness/trace_file.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include <sys/stat.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace cardrig::harness {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t apdus_shown = 8;
constexpr std::size_t report_bytes = 24; ///< of a command or an answer

/// A word as a shell reads it back.
std::string shell_word(const std::string& word) {
    const bool plain = !word.empty() && std::ranges::all_of(word, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               std::string_view("-_./=:,+@%").find(c) != std::string_view::npos;
    });
    if (plain) {
        return word;
    }
    std::string quoted = "'";
    for (const char c : word) {
        quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    }
    return quoted + "'";
}

std::string describe_end(const ClientResult& result, const std::string& program, std::chrono::seconds limit) {
    if (result.not_found) {
        return fmt::format("the command '{}' was not found", program);
    }
    if (result.not_executable) {
        return fmt::format("the command '{}' cannot be executed", program);
    }
    if (result.timed_out) {
        return fmt::format("ended by the rig after its limit of {} seconds", limit.count());
    }
    if (result.exit_status) {
        return fmt::format("{}", *result.exit_status);
    }
    return fmt::format("ended by signal {}", result.signal);
}

/// The card is in from the start where the first run wants it in: that is quicker than inserting it.
std::vector<RigReaderPlan> rig_readers(const Scenario& scenario, ReaderCard& card) {
    const ScenarioRun& first = *scenario.acts.front().run;
    return {{{}, first.card_in ? &card : nullptr}};
}

RigOptions rig_options(const RunOptions& options) {
    return {options.kind, options.signals};
}

/// One scenario on its way.
class ScenarioRunner {
public:
    ScenarioRunner(const Scenario& scenario, const RunOptions& options)
        : scenario_(scenario), options_(options), made_(make_scenario_card(scenario, clock_.now())),
          card_(0, made_.image, options.seed, trace_),
          rig_(rig_readers(scenario, card_), rig_options(options)) {
        if (rig_.inserted(0)) {
            trace_.add("reader", 0, {{"event", "inserted"}});
        }
    }

    ScenarioReport run() {
        const auto begin = std::chrono::steady_clock::now();
        try {
            act_out();
        } catch (const HostError& error) {
            // What happened until then is worth as much as the message.
            report_.verdict = Verdict::host_cannot;
            report_.message = error.what();
        } catch (const Interrupted& error) {
            report_.verdict = Verdict::timed_out;
            report_.message = fmt::format("ended by signal {}", error.signal());
        }
        finish(std::chrono::steady_clock::now() - begin);
        return std::move(report_);
    }

private:
    void act_out() {
        write_authority();
        std::size_t number = 0;
        for (const Act& act : scenario_.acts) {
            if (act.run) {
                run_client(*act.run, ++number);
            } else {
                take_out();
                put_in();
            }
        }
    }

    void write_authority() {
        authority_ = rig_.folder() + "/authority";
        if (::mkdir(authority_.c_str(), 0700) != 0) {
            throw HostError(fmt::format("{}: cannot make this folder", authority_));
        }
        write_file(authority_ + "/ca.crt", std::string_view(made_.issuer_certificate_pem));
        write_file(authority_ + "/ca.key", std::string_view(made_.issuer_key_pem));
    }

    void put_in() {
        if (rig_.inserted(0)) {
            return;
        }
        trace_.add("reader", 0, {{"event", "inserted"}});
        // False where a planned fault cut it off while it started: the client then meets an empty reader.
        static_cast<void>(rig_.insert(0, card_));
    }

    void take_out() {
        if (rig_.inserted(0)) {
            trace_.add("reader", 0, {{"event", "removed"}});
            rig_.remove(0);
        }
    }

    [[nodiscard]] ClientCommand command_for(const ScenarioRun& run) const {
        const std::map<std::string, std::string> values{{"scenarios", scenario_.library},
                                                        {"folder", scenario_.folder},
                                                        {"authority", authority_},
                                                        {"reader", rig_.reader_name(0)},
                                                        {"management-key", made_.management_key}};
        ClientCommand command;
        for (const std::string& word : options_.client.empty() ? run.client.command : options_.client) {
            command.argv.push_back(fill_placeholders(word, values));
        }
        for (const auto& [name, value] : run.client.environment) {
            command.environment[name] = fill_placeholders(value, values);
        }
        for (const std::string& answer : run.answers) {
            command.input += answer + "\n";
        }
        command.limit = run.client.limit;
        return command;
    }

    [[nodiscard]] std::vector<std::string> secrets() const {
        std::vector<std::string> secrets = scenario_.passcodes();
        secrets.insert(secrets.end(), {made_.passcode, made_.unblocking_code, made_.management_key});
        return secrets;
    }

    void run_client(const ScenarioRun& run, std::size_t number) {
        const emulator::CardImage before = card_.image();
        const std::size_t first_event = trace_.events().size();
        card_.plan(run.faults);
        if (run.card_in) {
            put_in();
        } else {
            take_out();
        }
        ClientOutput output(trace_, secrets());
        ClientCommand command = command_for(run);
        command.on_output = [&output](std::string_view chunk) { output.add(chunk); };
        const ClientResult result = rig_.run(command);
        output.finish();
        const std::string act = fmt::format("run {} ({})", number, run.place);
        report_.last_output = output.last_lines();
        if (result.stopped_by != 0) {
            output_ += fmt::format("--- {}: ended with the scenario\n{}\n", act, output.text());
            throw Interrupted(result.stopped_by);
        }

        const RunOutcome outcome{result.timed_out ? std::nullopt : result.exit_status,
                                 describe_end(result, command.argv.front(), run.client.limit), output.text(),
                                 output.cut(), card_.pending_faults()};
        card_.plan({});
        output_ += fmt::format("--- {}: {}\n{}\n", act, outcome.ending, output.text());
        if (result.left_processes) {
            report_.notices.push_back(act + ": the client left processes behind, which were ended");
        }
        watch_windows(run, number, judge(run, act, outcome, before, first_event));
    }

    std::vector<Promise> judge(const ScenarioRun& run, const std::string& act, const RunOutcome& outcome,
                               const emulator::CardImage& before, std::size_t first_event) {
        const emulator::CardImage after = card_.image();
        const std::vector<TraceEvent> all = trace_.events();
        const std::vector<TraceEvent> events(all.begin() + static_cast<std::ptrdiff_t>(first_event),
                                             all.end());
        std::vector<std::string> passcodes = scenario_.passcodes();
        passcodes.push_back(made_.passcode);
        const std::vector<Promise> promises =
            check_invariants({made_.image, before, after, events, passcodes, clock_.now()});

        std::vector<Shortfall> found = check_outcome(run.expect, outcome);
        if (run.expect.card) {
            const bool since_run = run.expect.card->since_run || run.expect.card->unchanged;
            std::ranges::move(
                check_card(*run.expect.card, since_run ? before : made_.image, after, clock_.now()),
                std::back_inserter(found));
        }
        std::ranges::move(check_promises(run.expect, promises), std::back_inserter(found));
        for (Shortfall& shortfall : found) {
            shortfall.act = act;
            report_.shortfalls.push_back(std::move(shortfall));
        }
        return promises;
    }

    /// A run opens windows as it says, and closes those of earlier runs whose promise holds again.
    void watch_windows(const ScenarioRun& run, std::size_t number, const std::vector<Promise>& promises) {
        for (const Promise& promise : promises) {
            if (!promise.broken) {
                for (const std::size_t window : open_windows_[promise.id]) {
                    report_.windows[window] += fmt::format(", closed by run {}", number);
                }
                open_windows_[promise.id].clear();
                continue;
            }
            const auto said = run.expect.invariants.find(promise.id);
            if (said != run.expect.invariants.end() && said->second == PromiseState::window) {
                open_windows_[promise.id].push_back(report_.windows.size());
                report_.windows.push_back(fmt::format("run {}: {}: {}", number, promise.id, *promise.broken));
            }
        }
    }

    void finish(std::chrono::duration<double> took) {
        report_.file = scenario_.file;
        report_.title = scenario_.title;
        report_.seconds = took.count();
        if (report_.verdict == Verdict::passed && !report_.shortfalls.empty()) {
            report_.verdict = Verdict::failed;
        }
        std::ranges::move(rig_.notices(), std::back_inserter(report_.notices));
        report_.events = trace_.events();
        for (auto event = report_.events.rbegin();
             event != report_.events.rend() && report_.last_apdus.size() < apdus_shown; ++event) {
            if (event->kind == "apdu" || event->kind == "fault") {
                report_.last_apdus.insert(report_.last_apdus.begin(), readable(*event, report_bytes));
            }
        }
        report_.difference = difference();
        report_.reproduce = reproduction(scenario_, options_);
        if (!options_.keep.empty()) {
            try {
                keep();
            } catch (const RequestError& error) {
                // What came of the scenario is worth more than the folder.
                report_.verdict = Verdict::wrong_request;
                report_.message = error.what();
            }
        }
    }

    [[nodiscard]] std::string difference() const;
    void keep() const;

    const Scenario& scenario_;
    const RunOptions& options_;
    SystemClock clock_;
    Trace trace_;
    MadeCard made_;
    RiggedCard card_;
    Rig rig_;
    std::string authority_;
    std::string output_;
    ScenarioReport report_;
    std::map<std::string, std::vector<std::size_t>> open_windows_; ///< by promise; places in the report
};

std::string ScenarioRunner::difference() const {
    const auto before = emulator::inspect(made_.image);
    const auto after = emulator::inspect(card_.image());
    if (!before || !after) {
        return "it cannot be read: " + (before ? after.error().message : before.error().message);
    }
    const std::vector<std::string> lines = card_differences(*before, *after);
    return lines.empty() ? "none" : fmt::format("{}", fmt::join(lines, "\n"));
}

void ScenarioRunner::keep() const {
    std::string name = fs::path(scenario_.file).lexically_normal().replace_extension().string();
    std::ranges::replace(name, '/', '-');
    const fs::path folder = fs::path(options_.keep) / name;
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) {
        throw RequestError(fmt::format("{}: {}", folder.string(), error.message()));
    }
    fs::permissions(folder, fs::perms::owner_all, error);
    write_file((folder / "start.card").string(), made_.image.serialize());
    write_file((folder / "end.card").string(), card_.image().serialize());
    write_file((folder / "output.txt").string(), without_secrets(output_, secrets()));
    write_file((folder / "report.txt").string(), report_.text());
    TraceFile file((folder / "trace.jsonl").string());
    for (const TraceEvent& event : report_.events) {
        file.write(event);
    }
}

} // namespace

MadeCard make_scenario_card(const Scenario& scenario, std::chrono::sys_seconds now) {
    MakeOptions options;
    options.overrides = scenario.set;
    options.now = now;
    try {
        return make_card(scenario.profile, options);
    } catch (const RequestError& error) {
        // Overrides have no line of their own there.
        const std::string message = error.what();
        throw RequestError(message.starts_with("override ")
                               ? fmt::format("{}: {}", scenario.file, message)
                               : fmt::format("{}: card: {}", scenario.file, message));
    }
}

std::string reproduction(const Scenario& scenario, const RunOptions& options) {
    std::vector<std::string> words = options.reproduce;
    words.push_back(scenario.file);
    std::ranges::transform(words, words.begin(), shell_word);
    return fmt::format("{}", fmt::join(words, " "));
}

ScenarioReport run_scenario(const Scenario& scenario, const RunOptions& options) {
    return ScenarioRunner(scenario, options).run();
}

} // namespace cardrig::harness
