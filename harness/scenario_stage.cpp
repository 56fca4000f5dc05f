#include "harness/scenario_stage.h"

#include "harness/clock/client_clock.h"
#include "harness/errors.h"
#include "harness/relax.h"
#include "harness/signal_watch.h"

#include <algorithm>
#include <exception>
#include <iterator>
#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

RigOptions rig_options(const ScenarioStageOptions& options) {
    RigOptions rig;
    rig.kind = options.kind;
    rig.signals = options.signals;
    return rig;
}

} // namespace

ScenarioStage::ScenarioStage(const Scenario& scenario, ScenarioStageOptions options)
    : scenario_(scenario), options_(std::move(options)), clock_(scenario),
      authority_(
          scenario, options_.seed, [this] { return clock_.now(); }, trace_),
      cards_(scenario, options_.seed, clock_.now(), authority_.authority(), trace_),
      rig_(cards_.readers(), rig_options(options_)), hand_(hand_options(), trace_),
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

ScenarioStage::~ScenarioStage() {
    cards_.hurry();
    authority_.stop();
}

void ScenarioStage::open() {
    authority_.start(hand_);
    open_control();
    surround();
    set_clock();
}

void ScenarioStage::move_clock(std::chrono::seconds time) {
    clock_.move(time);
    set_clock();
}

void ScenarioStage::rewind(const StageState& state, const std::function<void()>& before_set_out) {
    static_cast<void>(hand_.forget());
    static_cast<void>(authority_.forget());
    cards_.set_forsaken(true);
    moves_.clear();
    cards_.rewind(state.cards, state.seed);
    authority_.authority().restore(state.authority);
    rig_.empty_home();
    trace_.begin_anew();
    output_.clear();
    last_output_.clear();
    runs_ = 0;
    last_killed_ = 0;
    if (before_set_out) {
        before_set_out();
    }
    moves_.set_out();
}

void ScenarioStage::add_notice(const std::string& notice) const {
    if (options_.on_notice) {
        options_.on_notice(notice);
    }
}

HandOptions ScenarioStage::hand_options() {
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
void ScenarioStage::kill_client() {
    last_killed_ = runs_.load();
    rig_.kill_client();
}

/// On the thread of the card that it is for; false where it comes from a client that has been killed. That
/// one is dead when the answer comes: it can do nothing about it.
bool ScenarioStage::take_command() {
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
void ScenarioStage::open_control() {
    if (std::ranges::any_of(scenario_.acts,
                            [](const Act& act) { return act.run && act.run->client.control; })) {
        control_.emplace(rig_.folder() + "/control", answers_of(hand_));
    }
}

void ScenarioStage::surround() {
    surroundings_.values = scenario_values(scenario_, rig_);
    surroundings_.values.merge(cards_.hand_out(rig_.folder()));
    surroundings_.values.merge(authority_.hand_out(surroundings_.values.at("authority")));
    if (control_) {
        surroundings_.control = control_->path();
    }
}

void ScenarioStage::set_clock() {
    cards_.set_clock_offset(clock_.offset());
    clock_.prove(rig_);
}

// --- the client --------------------------------------------------------------------------------------------

/// Those at places of card time, or all others. Of the hand's faults, the ids.
std::set<std::uint64_t> ScenarioStage::plan(const ScenarioRun& run, bool at_card_time) {
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
std::vector<Fault> ScenarioStage::not_happened(const std::set<std::uint64_t>& planned) {
    std::vector<Fault> left = hand_.forget();
    std::erase_if(left, [&](const Fault& fault) { return !planned.contains(fault.id); });
    std::ranges::copy(authority_.forget(), std::back_inserter(left));
    return left;
}

/// What of the run's plan the hand could not carry out.
std::vector<std::string> ScenarioStage::undone(const std::set<std::uint64_t>& planned) const {
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
class ScenarioStage::Telling {
public:
    Telling(ScenarioStage& stage, ClientConversation& conversation, std::string act)
        : stage_(stage), conversation_(conversation), act_(std::move(act)) {}
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
        stage_.last_output_ = output.last_lines();
        stage_.output_ += fmt::format("--- {}: {}\n{}\n", act_, ending, output.text());
    }

private:
    void end() noexcept {
        try {
            stage_.cards_.set_forsaken(true);
            tell("ended with the scenario");
        } catch (const std::exception&) {
            return; // what ended it is told, and worth more
        }
    }

    ScenarioStage& stage_;
    ClientConversation& conversation_;
    const std::string act_;
    bool told_ = false;
};

FinishedRun ScenarioStage::play(const ScenarioRun& run) {
    const std::size_t number = ++runs_;
    std::vector<emulator::CardImage> before = cards_.images();
    const std::size_t first_event = trace_.size();
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
    std::vector<TraceEvent> events = trace_.events_from(first_event);
    outcome.undone = undone(planned);
    std::ranges::copy(conversation.undone(), std::back_inserter(outcome.undone));
    std::ranges::for_each(conversation.notices(), [this](const std::string& notice) { add_notice(notice); });
    std::ranges::for_each(authority_.notices(), [this](const std::string& notice) { add_notice(notice); });
    return {run,
            number,
            act,
            std::move(outcome),
            std::move(before),
            std::move(events),
            clock_.now(),
            authority_.authority().issued()};
}

/// Until the client can start. Returns the ids of what is planned.
std::set<std::uint64_t> ScenarioStage::prepare(const ScenarioRun& run) {
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
RunOutcome ScenarioStage::outcome_of(const ClientResult& result,
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

/// What must not be shown.
std::vector<std::string> ScenarioStage::secrets() const {
    std::vector<std::string> secrets = cards_.secrets();
    std::ranges::copy(authority_.secrets(), std::back_inserter(secrets));
    return secrets;
}

} // namespace cardrig::harness
