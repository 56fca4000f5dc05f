#include "harness/sweep/sweep_stage.h"

#include "harness/errors.h"
#include "harness/scenario_stage.h"
#include "harness/sweep/place_trial.h"
#include "harness/sweep/run_recorder.h"

#include <algorithm>
#include <functional>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace cardrig::harness {

namespace {

/// Other keys than those of the interrupted run, which may be on the card already.
constexpr std::uint64_t seeds_between = 1'000'003;
/// A busy host alone may take so long for what takes a second elsewhere.
constexpr std::chrono::milliseconds least_time{20'000};
/// Every run gets certificates of its own, which a memo would keep for ever: after so many it begins anew.
constexpr unsigned places_of_a_memo = 64;

/// What is swept.
ScenarioRun first_run(const Scenario& scenario) {
    ScenarioRun run = scenario.acts.front().run.value();
    run.faults.clear();
    return run;
}

std::vector<emulator::CardImage> made_images(const ScenarioCards& cards) {
    std::vector<emulator::CardImage> images;
    for (const MadeCard& made : cards.made()) {
        images.push_back(made.image);
    }
    return images;
}

} // namespace

struct SweepStage::Parts {
    Parts(const Scenario& whose, const StageOptions& given)
        : scenario(whose), options(given), run(first_run(whose)), stage(whose, stage_options()) {
        if (!whose.acts.front().run->faults.empty()) {
            add_notice("the scenario's own faults are left out: its first run is swept undisturbed");
        }
        if (whose.acts.size() > 1) {
            add_notice("the scenario's first run is swept, and nothing that comes after it");
        }
        stage.open();
        beginning = {made_images(stage.cards()), stage.authority().authority().state(), options.seed};
    }

    [[nodiscard]] ScenarioStageOptions stage_options() {
        ScenarioStageOptions made;
        made.kind = options.kind;
        made.seed = options.seed;
        made.signals = options.signals;
        made.on_notice = [this](const std::string& notice) { add_notice(notice); };
        return made;
    }
    void add_notice(const std::string& notice) {
        if (!notice.empty() && std::ranges::find(notices, notice) == notices.end()) {
            notices.push_back(notice);
        }
    }
    [[nodiscard]] Recording made_of(const FinishedRun& finished, const RunRecorder& recorder);
    void set_bounds();
    void check_recorded() const;
    [[nodiscard]] PlaceOutcome tried(const SweepPlace& place, const StageState& from,
                                     const std::optional<PlaceKeep>& keep,
                                     const std::function<PlaceOutcome(PlaceTrial&)>& attempt);

    const Scenario& scenario;
    const StageOptions options;
    std::vector<std::string> notices;
    ScenarioRun run; ///< with the bounds that the recording gives
    ScenarioStage stage;
    StageState beginning;
    std::optional<Recording> recording; ///< the last one
    std::unique_ptr<emulator::InspectionMemo> memo = std::make_unique<emulator::InspectionMemo>();
    unsigned places = 0; ///< tried with this memo
};

/// How long, and how many commands, a disturbed run may take.
void SweepStage::Parts::set_bounds() {
    const std::uint64_t commands = std::max<std::uint64_t>(recording->commands, 1);
    run.expect.trace.apdus = static_cast<std::uint32_t>(commands * options.slowdown);
    const std::chrono::milliseconds most = std::max(recording->outcome.took * options.slowdown, least_time);
    run.expect.trace.time = most;
    // Never longer than the scenario gives its client, which is what whoever waits for this process counts
    // with.
    run.client.limit = std::min(run.client.limit, std::chrono::ceil<std::chrono::seconds>(most));
}

Recording SweepStage::Parts::made_of(const FinishedRun& finished, const RunRecorder& recorder) {
    Recording made;
    made.made = beginning.cards;
    made.start = beginning.cards;
    made.end = stage.cards().images();
    for (std::size_t i = 0; i < stage.cards().size(); ++i) {
        made.card_names.push_back(stage.cards().name(i));
        made.passcodes.push_back(scenario.passcodes());
        made.passcodes.back().push_back(stage.cards().made(i).passcode);
    }
    made.steps = recorder.steps(finished.events);
    made.events = finished.events;
    made.authority = recorder.authority();
    made.outcome = finished.outcome;
    made.commands =
        static_cast<std::uint32_t>(std::ranges::count_if(finished.events, [](const TraceEvent& event) {
            return event.kind == "apdu" && event.fields.value("delivered", false);
        }));
    made.now = finished.now;
    RunPromises promises(scenario, stage.cards(), *memo);
    made.renewed = !promises.not_renewed(finished, made.end.front());
    for (const auto& of_card : promises.look(finished).promises) {
        for (const Promise& promise : of_card) {
            if (promise.broken && !promise.excused) {
                add_notice(
                    fmt::format("the undisturbed run breaks {} already: {}", promise.id, *promise.broken));
            }
        }
    }
    return made;
}

void SweepStage::Parts::check_recorded() const {
    if (!recording) {
        throw RequestError("no undisturbed run was recorded yet, so that no place can be aimed at");
    }
}

PlaceOutcome SweepStage::Parts::tried(const SweepPlace& place, const StageState& from,
                                      const std::optional<PlaceKeep>& keep,
                                      const std::function<PlaceOutcome(PlaceTrial&)>& attempt) {
    check_recorded();
    if (++places > places_of_a_memo) {
        memo = std::make_unique<emulator::InspectionMemo>();
        places = 1;
    }
    const auto begin = std::chrono::steady_clock::now();
    PlaceOutcome outcome;
    try {
        stage.rewind(from);
        const TrialGround ground{scenario, stage, *recording, run, *memo, options.reruns};
        PlaceTrial trial(ground, place);
        outcome = attempt(trial);
        if (keep) {
            trial.keep(*keep);
        }
    } catch (const RequestError& error) { // a rig that fails is another thing: nothing can be tried on it
        outcome.outcome = Outcome::failed;
        outcome.message = error.what();
    }
    outcome.place = place;
    outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return outcome;
}

SweepStage::SweepStage(const Scenario& scenario, const StageOptions& options) {
    if (options.reruns == 0) {
        throw RequestError(
            "reruns: 0; what a client makes of a card's state, only a run of it shows: from 1");
    }
    parts_ = std::make_unique<Parts>(scenario, options);
}

SweepStage::~SweepStage() = default;

Recording SweepStage::record() {
    Parts& parts = *parts_;
    std::optional<RunRecorder> recorder;
    parts.stage.rewind(parts.beginning, [&] { recorder.emplace(parts.stage); });
    const ScenarioRun run = first_run(parts.scenario);
    const FinishedRun finished = parts.stage.play(run);
    if (finished.outcome.exit_status != 0) {
        throw RequestError(fmt::format(
            "{}: the undisturbed run does not end with status 0, so that there is nothing to sweep: {}; the "
            "client's last words:\n  {}",
            parts.scenario.file, finished.outcome.ending, fmt::join(parts.stage.last_output(), "\n  ")));
    }
    parts.recording = parts.made_of(finished, *recorder);
    parts.set_bounds();
    return *parts.recording;
}

PlaceOutcome SweepStage::live(const SweepPlace& place, const std::optional<PlaceKeep>& keep) {
    return parts_->tried(place, parts_->beginning, keep, [](PlaceTrial& trial) { return trial.live(); });
}

PlaceOutcome SweepStage::recover(const SweepPlace& place, const CrashState& state,
                                 const std::optional<PlaceKeep>& keep) {
    Parts& parts = *parts_;
    parts.check_recorded();
    if (state.requests >= parts.recording->authority.size() ||
        state.cards.size() != parts.stage.cards().size()) {
        throw RequestError(fmt::format("{}: the state is none of the recorded run's", place.text()));
    }
    const StageState from{state.cards, parts.recording->authority[state.requests],
                          parts.options.seed + seeds_between};
    return parts.tried(place, from, keep, [&](PlaceTrial& trial) { return trial.recover(state); });
}

std::vector<std::string> SweepStage::notices() const {
    std::vector<std::string> notices = parts_->notices;
    std::ranges::copy(parts_->stage.rig().notices(), std::back_inserter(notices));
    return notices;
}

} // namespace cardrig::harness
