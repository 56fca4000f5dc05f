#include "harness/scenario_run.h"

#include "harness/client_conversation.h"
#include "harness/clock/client_clock.h"
#include "harness/errors.h"
#include "harness/expectations.h"
#include "harness/files.h"
#include "harness/hand/control_server.h"
#include "harness/hand/hand.h"
#include "harness/relax.h"
#include "harness/rig.h"
#include "harness/scenario_authority.h"
#include "harness/scenario_cards.h"
#include "harness/scenario_client.h"
#include "harness/scenario_clock.h"
#include "harness/scenario_judge.h"
#include "harness/scenario_moves.h"
#include "harness/signal_watch.h"
#include "harness/trace_file.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <filesystem>
#include <functional>
#include <iterator>
#include <map>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace cardrig::harness {

namespace fs = std::filesystem;

namespace {

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

RigOptions rig_options(const RunOptions& options) {
    RigOptions rig;
    rig.kind = options.kind;
    rig.signals = options.signals;
    return rig;
}

/// One scenario on its way.
class ScenarioRunner {
public:
    ScenarioRunner(const Scenario& scenario, const RunOptions& options)
        : scenario_(scenario), options_(options), clock_(scenario),
          authority_(
              scenario, options.seed, [this] { return clock_.now(); }, trace_),
          cards_(scenario, options.seed, clock_.now(), authority_.authority(), trace_),
          rig_(cards_.readers(), rig_options(options)), hand_(hand_options(), trace_),
          judge_(scenario, cards_, report_),
          moves_(scenario, cards_, rig_, hand_, trace_,
                 [this](const std::string& notice) { add_notice(notice); }) {
        authority_.enrol(cards_.made());
        for (std::size_t i = 0; i < rig_.size(); ++i) {
            if (rig_.inserted(i)) {
                trace_.add("reader", static_cast<int>(i),
                           {{"event", "inserted"}, {"card", cards_.name(*scenario.readers[i].card)}});
            }
        }
    }

    ScenarioRunner(const ScenarioRunner&) = delete;
    ScenarioRunner& operator=(const ScenarioRunner&) = delete;
    /// Nothing that a card is made to wait for keeps the rig from ending, also in no reader.
    ~ScenarioRunner() {
        cards_.hurry();
        authority_.stop();
    }

    ScenarioReport run() {
        const auto begin = std::chrono::steady_clock::now();
        try {
            act_out();
        } catch (const HostError& error) {
            // What happened until then is worth as much as the message.
            end_with(Verdict::host_cannot, error.what());
        } catch (const RequestError& error) {
            end_with(Verdict::wrong_request, error.what());
        } catch (const Interrupted& error) {
            end_with(Verdict::timed_out, fmt::format("ended by signal {}", error.signal()));
        }
        cards_.set_forsaken(true);
        finish(std::chrono::steady_clock::now() - begin);
        return std::move(report_);
    }

private:
    class Telling;

    [[nodiscard]] HandOptions hand_options();
    void open_control();
    void end_with(Verdict verdict, std::string message);

    void surround();
    void act_out();
    [[nodiscard]] std::set<std::uint64_t> prepare(const ScenarioRun& run);
    [[nodiscard]] std::set<std::uint64_t> plan(const ScenarioRun& run, bool at_card_time);
    [[nodiscard]] RunOutcome outcome_of(const ClientResult& result,
                                        const ClientConversation& conversation) const;
    [[nodiscard]] std::vector<Fault> not_happened(const std::set<std::uint64_t>& planned);
    [[nodiscard]] std::vector<std::string> undone(const std::set<std::uint64_t>& planned) const;
    /// What became of it, told to `judge`.
    void run_client(const ScenarioRun& run, const std::function<void(const FinishedRun&)>& judge);
    void converge(const Convergence& convergence);
    void set_clock();
    void kill_client();
    [[nodiscard]] bool take_command();
    void add_notice(const std::string& notice);

    void finish(std::chrono::duration<double> took);
    void keep() const;
    [[nodiscard]] std::vector<std::string> secrets() const;

    const Scenario& scenario_;
    const RunOptions& options_;
    ScenarioClock clock_;
    Trace trace_;
    ScenarioReport report_;
    ScenarioAuthority authority_;
    ScenarioCards cards_;
    Rig rig_;
    Hand hand_;
    std::optional<ControlServer> control_; ///< where some run's client may move the cards itself
    ScenarioJudge judge_;
    ScenarioMoves moves_;
    ClientSurroundings surroundings_;
    std::string output_;
    std::atomic<std::size_t> runs_ = 0;
    std::atomic<std::size_t> last_killed_ = 0; ///< of the runs
    std::atomic<std::uint32_t> commands_ = 0;  ///< of the run's client
    std::atomic<std::uint32_t> most_commands_ = most_apdus_of_a_run;
    std::atomic<bool> flooded_ = false; ///< it was killed because of them
};

HandOptions ScenarioRunner::hand_options() {
    HandOptions options;
    for (std::size_t i = 0; i < rig_.size(); ++i) {
        options.readers.push_back({rig_.reader_name(i), &rig_.reader(i)});
    }
    options.cards = cards_.for_hand();
    options.kind = options_.kind;
    options.kill_client = [this] { kill_client(); };
    options.keep_waiting = [this] { rig_.check_host(); };
    options.hears_client = true;
    options.on_command = [this] { return take_command(); };
    return options;
}

/// From any thread; the hand's has forsaken the cards before.
void ScenarioRunner::kill_client() {
    last_killed_ = runs_.load();
    rig_.kill_client();
}

/// On the thread of the card that it is for; false where it comes from a client that has been killed. That
/// one is dead when the answer comes: it can do nothing about it.
bool ScenarioRunner::take_command() {
    const std::size_t run = runs_;
    rig_.drain_client();
    if (++commands_ > most_commands_ && !flooded_.exchange(true)) {
        kill_client();
    }
    const bool killed = last_killed_ >= run && run > 0;
    if (killed) {
        rig_.wait_for_client_end();
    }
    return !killed;
}

/// Its address is told to those clients alone that may use it.
void ScenarioRunner::open_control() {
    if (std::ranges::any_of(scenario_.acts,
                            [](const Act& act) { return act.run && act.run->client.control; })) {
        control_.emplace(rig_.folder() + "/control", answers_of(hand_));
    }
}

void ScenarioRunner::end_with(Verdict verdict, std::string message) {
    report_.verdict = verdict;
    report_.message = std::move(message);
}

void ScenarioRunner::surround() {
    surroundings_.values = scenario_values(scenario_, rig_);
    surroundings_.values.merge(cards_.hand_out(rig_.folder()));
    surroundings_.values.merge(authority_.hand_out(surroundings_.values.at("authority")));
    if (control_) {
        surroundings_.control = control_->path();
    }
}

void ScenarioRunner::act_out() {
    authority_.start(hand_);
    open_control();
    surround();
    set_clock();
    for (const Act& act : scenario_.acts) {
        if (act.run) {
            run_client(*act.run, [this](const FinishedRun& finished) { judge_.judge(finished); });
        } else if (act.converge) {
            converge(*act.converge);
        } else if (act.clock) {
            clock_.move(*act.clock);
            set_clock();
        } else if (act.effect) {
            moves_.move(*act.effect, act.place);
        } else {
            moves_.reinsert(act.place);
        }
    }
    judge_.finish();
}

void ScenarioRunner::set_clock() {
    cards_.set_clock_offset(clock_.offset());
    clock_.prove(rig_);
}

void ScenarioRunner::converge(const Convergence& convergence) {
    bool done = false;
    for (std::uint32_t attempt = 1; !done; ++attempt) {
        const bool last = attempt == convergence.within;
        run_client(convergence.run,
                   [&](const FinishedRun& finished) { done = judge_.judge_attempt(finished, last) || last; });
    }
}

// --- the client --------------------------------------------------------------------------------------------

/// Those at places of card time, or all others. Of the hand's faults, the ids.
std::set<std::uint64_t> ScenarioRunner::plan(const ScenarioRun& run, bool at_card_time) {
    std::set<std::uint64_t> ids;
    std::vector<Fault> of_authority;
    for (const Fault& fault : run.faults) {
        if ((fault.place.where == Where::card_time) != at_card_time) {
            continue;
        }
        if (fault.place.where == Where::authority) {
            of_authority.push_back(fault);
            continue;
        }
        ids.insert(hand_.plan(fault));
        add_notice(relax(fault, options_.kind).notice);
    }
    if (!at_card_time) {
        authority_.plan(std::move(of_authority));
    }
    return ids;
}

/// The plan is empty afterwards. What the client planned itself is its own affair.
std::vector<Fault> ScenarioRunner::not_happened(const std::set<std::uint64_t>& planned) {
    std::vector<Fault> left = hand_.forget();
    std::erase_if(left, [&](const Fault& fault) { return !planned.contains(fault.id); });
    std::ranges::copy(authority_.forget(), std::back_inserter(left));
    return left;
}

/// What of the run's plan the hand could not carry out.
std::vector<std::string> ScenarioRunner::undone(const std::set<std::uint64_t>& planned) const {
    std::vector<std::string> failures;
    for (const std::uint64_t fault : planned) {
        if (const auto failure = hand_.failure(fault)) {
            failures.push_back(*failure);
        }
    }
    std::ranges::copy(authority_.failures(), std::back_inserter(failures));
    return failures;
}

/// What the client printed is kept, also where its run ends by an exception: that is what explains it.
class ScenarioRunner::Telling {
public:
    Telling(ScenarioRunner& runner, ClientConversation& conversation, std::string act)
        : runner_(runner), conversation_(conversation), act_(std::move(act)) {}
    Telling(const Telling&) = delete;
    Telling& operator=(const Telling&) = delete;
    ~Telling() {
        if (!told_) {
            end();
        }
    }
    void tell(const std::string& ending) {
        told_ = true;
        conversation_.finish();
        const ClientOutput& output = conversation_.output();
        runner_.report_.last_output = output.last_lines();
        runner_.output_ += fmt::format("--- {}: {}\n{}\n", act_, ending, output.text());
    }

private:
    void end() noexcept {
        try {
            runner_.cards_.set_forsaken(true);
            tell("ended with the scenario");
        } catch (const std::exception&) {
            return; // what ended it is told, and worth more
        }
    }

    ScenarioRunner& runner_;
    ClientConversation& conversation_;
    const std::string act_;
    bool told_ = false;
};

void ScenarioRunner::run_client(const ScenarioRun& run,
                                const std::function<void(const FinishedRun&)>& judge) {
    const std::size_t number = ++runs_;
    const std::vector<emulator::CardImage> before = cards_.images();
    const std::size_t first_event = trace_.events().size();
    const std::set<std::uint64_t> planned = prepare(run);
    ClientCommand command = client_command(run, surroundings_);
    ClientConversation conversation(run, surroundings_.values, secrets(), rig_, hand_, trace_);
    conversation.attach(command);
    clock_.add_to(command.environment);
    const std::string act = fmt::format("run {} ({})", number, run.place);
    Telling telling(*this, conversation, act);
    const auto started = std::chrono::steady_clock::now();
    const ClientResult result = rig_.run(command);
    const auto took = std::chrono::steady_clock::now() - started;
    cards_.set_forsaken(true);
    remove_clock_leftovers(result.process);
    if (result.stopped_by != 0) {
        throw Interrupted(result.stopped_by);
    }
    const std::string ending = describe_end(result, command.argv.front(), run.client.limit);
    telling.tell(ending);

    RunOutcome outcome = outcome_of(result, conversation);
    outcome.ending = ending;
    outcome.took = std::chrono::duration_cast<std::chrono::milliseconds>(took);
    outcome.pending = not_happened(planned); // ends what the client has left unanswered
    std::vector<TraceEvent> events = trace_.events();
    events.erase(events.begin(), events.begin() + static_cast<std::ptrdiff_t>(first_event));
    outcome.undone = undone(planned);
    std::ranges::copy(conversation.undone(), std::back_inserter(outcome.undone));
    std::ranges::for_each(conversation.notices(), [this](const std::string& notice) { add_notice(notice); });
    std::ranges::for_each(authority_.notices(), [this](const std::string& notice) { add_notice(notice); });
    judge({run, number, act, outcome, before, std::move(events), clock_.now(),
           authority_.authority().issued()});
}

/// Until the client can start. Returns the ids of what is planned.
std::set<std::uint64_t> ScenarioRunner::prepare(const ScenarioRun& run) {
    // A memory write by its number may be one of the recovery when the card is put in. The card's time in a
    // run begins behind that.
    std::set<std::uint64_t> planned = plan(run, false);
    moves_.prepare(run);
    planned.merge(plan(run, true));
    commands_ = 0;
    most_commands_ = flood_limit(run.expect);
    flooded_ = false;
    cards_.set_forsaken(false);
    return planned;
}

/// How the client ended, and what it printed.
RunOutcome ScenarioRunner::outcome_of(const ClientResult& result,
                                      const ClientConversation& conversation) const {
    RunOutcome outcome;
    outcome.exit_status = result.timed_out ? std::nullopt : result.exit_status;
    outcome.killed = result.signal != 0 && !result.timed_out;
    outcome.signal = result.signal;
    outcome.timed_out = result.timed_out;
    outcome.flooded = flooded_;
    outcome.left_processes = result.left_processes;
    outcome.output = conversation.output().text();
    outcome.output_cut = conversation.output().cut();
    outcome.unused_acts = conversation.unused_acts();
    return outcome;
}

// --- the end -----------------------------------------------------------------------------------------------

/// Each once, however often it holds.
void ScenarioRunner::add_notice(const std::string& notice) {
    if (!notice.empty() && std::ranges::find(report_.notices, notice) == report_.notices.end()) {
        report_.notices.push_back(notice);
    }
}

void ScenarioRunner::finish(std::chrono::duration<double> took) {
    report_.file = scenario_.file;
    report_.title = scenario_.title;
    report_.reader = word(options_.kind);
    report_.seconds = took.count();
    if (report_.verdict == Verdict::passed && !report_.shortfalls.empty()) {
        report_.verdict = Verdict::failed;
    }
    std::ranges::for_each(rig_.notices(), [this](const std::string& notice) { add_notice(notice); });
    report_.events = trace_.events();
    report_.show_last_events();
    report_.cards = cards_.courses();
    report_.reproduce = reproduction(scenario_, options_);
    if (!options_.keep.empty()) {
        try {
            keep();
        } catch (const RequestError& error) {
            // What came of the scenario is worth more than the folder.
            end_with(Verdict::wrong_request, error.what());
        }
    }
}

/// What must not be shown.
std::vector<std::string> ScenarioRunner::secrets() const {
    std::vector<std::string> secrets = cards_.secrets();
    std::ranges::copy(authority_.secrets(), std::back_inserter(secrets));
    return secrets;
}

void ScenarioRunner::keep() const {
    std::string name = fs::path(scenario_.file).lexically_normal().replace_extension().string();
    name += scenario_.variant.empty() ? "" : fmt::format(" ({})", scenario_.variant);
    std::ranges::replace(name, '/', '-');
    const fs::path folder = fs::path(options_.keep) / name;
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) {
        throw RequestError(fmt::format("{}: {}", folder.string(), error.message()));
    }
    fs::permissions(folder, fs::perms::owner_all, error);
    cards_.keep(folder.string());
    write_file((folder / "output.txt").string(), without_secrets(output_, secrets()));
    write_file((folder / "report.txt").string(), report_.text());
    TraceFile file((folder / "trace.jsonl").string());
    for (const TraceEvent& event : report_.events) {
        file.write(event);
    }
}

} // namespace

std::string reproduction(const Scenario& scenario, const RunOptions& options) {
    std::vector<std::string> words = options.reproduce;
    words.push_back(scenario.file);
    if (!scenario.variant.empty()) {
        words.insert(words.end(), {"--variant", scenario.variant});
    }
    std::ranges::transform(words, words.begin(), shell_word);
    return fmt::format("{}", fmt::join(words, " "));
}

ScenarioReport run_scenario(const Scenario& scenario, const RunOptions& options) {
    return ScenarioRunner(scenario, options).run();
}

} // namespace cardrig::harness
