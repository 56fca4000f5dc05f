#include "harness/sweep/place_trial.h"

#include "harness/client_output.h"
#include "harness/errors.h"
#include "harness/files.h"
#include "harness/invariants.h"
#include "harness/sweep/client_phase.h"
#include "harness/sweep/cut_trace.h"
#include "harness/trace_compare.h"
#include "harness/trace_file.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

namespace fs = std::filesystem;

bool is_command(const TraceEvent& event) {
    return event.kind == "apdu";
}

bool is_request(const TraceEvent& event) {
    return event.kind == "authority";
}

bool is_step(const TraceEvent& event) {
    return is_command(event) || is_request(event);
}

std::vector<TraceEvent> commands_before(const std::vector<TraceEvent>& events, std::size_t end) {
    std::vector<TraceEvent> commands;
    std::copy_if(events.begin(), events.begin() + static_cast<std::ptrdiff_t>(end),
                 std::back_inserter(commands), is_command);
    return commands;
}

/// What was meant, and what came of it: a certificate that is a byte longer is written all the same.
void forget_lengths(NormalisedTrace& trace) {
    for (auto& [reader, events] : trace) {
        for (NormalisedEvent& event : events) {
            event.command_length.reset();
            event.answer_length.reset();
            if (event.status.starts_with("61")) {
                event.status = "61xx"; // so many bytes are left (ISO/IEC 7816-4, 5.6)
            }
        }
    }
}

/// Of the commands, the first that is another one than in the recorded run.
std::optional<TraceDifference> first_difference(const std::vector<TraceEvent>& recorded,
                                                const std::vector<TraceEvent>& commands) {
    NormalisedTrace whole = normalised(commands_before(recorded, recorded.size()), "the recorded run");
    NormalisedTrace part = normalised(commands, "this run");
    forget_lengths(whole);
    forget_lengths(part);
    for (auto& [reader, events] : whole) {
        const auto found = part.find(reader);
        const std::size_t size = found == part.end() ? 0 : found->second.size();
        events.resize(std::min(events.size(), size));
    }
    const std::vector<TraceDifference> differences = compare(whole, part);
    return differences.empty() ? std::nullopt : std::optional(differences.front());
}

std::string difference_text(const TraceDifference& difference) {
    const auto text = [](const std::optional<NormalisedEvent>& event) {
        return event ? event->text() : std::string("nothing more");
    };
    return fmt::format("command {} in reader {}: recorded was {}, and this time it was {}",
                       difference.position, difference.reader + 1, text(difference.first),
                       text(difference.second));
}

/// Up to the command that was under way; what it was answered in the recorded run, nobody heard.
std::vector<TraceEvent> until(const std::vector<TraceEvent>& events, std::size_t event) {
    const auto end = static_cast<std::ptrdiff_t>(std::min(event + 1, events.size()));
    return {events.begin(), events.begin() + end};
}

/// Of a memory write its number among all cards'.
std::uint32_t position_of_write(const Recording& recording, std::size_t card, std::uint64_t number) {
    std::uint32_t position = 0;
    for (const MemoryStep& step : recording.steps) {
        if (step.kind != MemoryStep::Kind::write) {
            continue;
        }
        if (step.card == card && step.number == number) {
            return position;
        }
        ++position;
    }
    return position;
}

std::size_t card_of(const Recording& recording, const SweepPlace& place) {
    const auto found = std::ranges::find(recording.card_names, place.place.card);
    return found == recording.card_names.end()
               ? 0
               : static_cast<std::size_t>(found - recording.card_names.begin());
}

} // namespace

PlaceTrial::PlaceTrial(const TrialGround& ground, const SweepPlace& place)
    : ground_(ground), promises_(ground.scenario, ground.stage.cards(), ground.memo) {
    outcome_.place = place;
    for (std::size_t card = 0; card < ground.recording.start.size(); ++card) {
        if (auto orphan = orphaned_certificate(ground.recording.start[card], &ground.memo)) {
            broken_before_.emplace(card, std::move(*orphan));
        }
    }
}

// --- live --------------------------------------------------------------------------------------------------

PlaceOutcome PlaceTrial::live() {
    if (interrupt()) {
        run_again(1);
        conclude();
    }
    return outcome_;
}

/// False where the outcome is known already: nothing can be said of the place.
bool PlaceTrial::interrupt() {
    ScenarioRun run = ground_.run;
    run.faults = {Fault{outcome_.place.place, outcome_.place.effect}};
    const FinishedRun finished = ground_.stage.play(run);
    if (!finished.outcome.undone.empty()) {
        outcome_.outcome = Outcome::failed;
        outcome_.message = finished.outcome.undone.front();
        return false;
    }
    if (diverged(finished)) {
        return false;
    }
    findings_ = look(finished);
    cut_ = findings_.after;
    outcome_.card_state = phase_of(0);
    note(finished, findings_, 1);
    last_.emplace(finished);
    return true;
}

/// Whether the run was another one than the recorded one before the place, or never came to it.
bool PlaceTrial::diverged(const FinishedRun& finished) {
    const auto& events = finished.events;
    const auto fault = std::ranges::find(events, "fault", &TraceEvent::kind);
    const bool came = fault != events.end() && finished.outcome.pending.empty();
    std::vector<TraceEvent> commands =
        commands_before(events, static_cast<std::size_t>(fault - events.begin()));
    if (came && outcome_.place.place.where != Where::authority && !commands.empty()) {
        commands.pop_back(); // the one that it befell
    }
    const auto difference = first_difference(ground_.recording.events, commands);
    if (came && !difference) {
        const Arrival at = arrival(finished, static_cast<std::size_t>(fault - events.begin()));
        outcome_.position = static_cast<std::uint32_t>(at.position);
        outcome_.client_phase = client_phase(ground_.recording.events, at.event);
        return false;
    }
    outcome_.outcome = Outcome::diverged;
    outcome_.message = came ? std::string() : "the client never came to this place";
    if (difference) {
        outcome_.message += (came ? "" : ": ") + difference_text(*difference);
    }
    return true;
}

PlaceTrial::Arrival PlaceTrial::arrival(const FinishedRun& finished, std::size_t fault) const {
    const auto begin = finished.events.begin();
    Arrival at;
    at.position =
        static_cast<std::size_t>(std::count_if(begin, begin + static_cast<std::ptrdiff_t>(fault), is_step));
    if (outcome_.place.place.where != Where::authority && at.position > 0) {
        --at.position; // the command itself is in the trace before its fault
    }
    std::size_t left = at.position;
    const auto& recorded = ground_.recording.events;
    const auto found = std::ranges::find_if(
        recorded, [&left](const TraceEvent& event) { return is_step(event) && left-- == 0; });
    at.event = static_cast<std::size_t>(found - recorded.begin());
    return at;
}

// --- recovery ----------------------------------------------------------------------------------------------

PlaceOutcome PlaceTrial::recover(const CrashState& state) {
    look_at_cut(state);
    run_again(1);
    conclude();
    return outcome_;
}

/// The cards as they lie there, as though the recorded run had ended at this moment.
void PlaceTrial::look_at_cut(const CrashState& state) {
    const Recording& recording = ground_.recording;
    RunOutcome cut;
    cut.ending = "cut off";
    FinishedRun finished{ground_.run,         0,
                         "the cut",           cut,
                         recording.start,     until(recording.events, state.event),
                         ground_.stage.now(), ground_.stage.authority().authority().issued()};
    findings_ = look(finished);
    cut_ = findings_.after;
    cut_at_ = state.event;
    const std::size_t card = card_of(recording, outcome_.place);
    outcome_.position = position_of_write(recording, card, outcome_.place.place.write.value_or(0));
    outcome_.client_phase = client_phase(recording.events, state.event);
    outcome_.card_state = phase_of(card);
    note(finished, findings_, 0);
}

std::string PlaceTrial::phase_of(std::size_t card) const {
    const emulator::CardImage& start = ground_.recording.start[card];
    const auto before = emulator::inspect(start, ground_.memo);
    const auto now = emulator::inspect(cut_[card], ground_.memo);
    return before && now ? card_phase(*before, *now) : card_phase(start, cut_[card]);
}

// --- what came of it ---------------------------------------------------------------------------------------

/// The client, undisturbed, until it is through.
void PlaceTrial::run_again(std::uint32_t earlier_runs) {
    const Job job = ground_.recording.renewed ? Job::renewal_once : Job::any;
    if (last_) {
        findings_.job_unfinished = promises_.unfinished(*last_, findings_, job);
    }
    ScenarioRun run = ground_.run;
    run.card_in = CardIn::yes;
    while ((!last_ || findings_.job_unfinished) && outcome_.runs < ground_.reruns) {
        ground_.stage.moves().set_right();
        last_.emplace(ground_.stage.play(run));
        ++outcome_.runs;
        findings_ = look(*last_);
        findings_.job_unfinished = promises_.unfinished(*last_, findings_, job);
        note(*last_, findings_, earlier_runs + outcome_.runs);
    }
    note_convergence(*last_, findings_, earlier_runs + outcome_.runs);
}

/// Without what was wrong with a card from the start.
RunFindings PlaceTrial::look(const FinishedRun& finished) {
    RunFindings findings = promises_.look(finished);
    for (const auto& [card, how] : broken_before_) {
        for (Promise& promise : findings.promises[card]) {
            if (promise.id == "I4" && promise.broken == how) {
                promise.broken.reset();
            }
        }
    }
    return findings;
}

void PlaceTrial::note(const FinishedRun& finished, const RunFindings& findings, std::uint32_t run) {
    for (std::size_t card = 0; card < findings.promises.size(); ++card) {
        for (const Promise& promise : findings.promises[card]) {
            if (promise.broken) {
                add({promise.id, ground_.stage.cards().shown_name(card), *promise.broken, false, run});
            }
        }
    }
    note_crash(finished, run);
}

/// A client that crashes says nothing of what it has done.
void PlaceTrial::note_crash(const FinishedRun& finished, std::uint32_t run) {
    const bool by_us = run == 1 && outcome_.place.effect.verb == Verb::kill_client;
    if (finished.outcome.killed && !finished.outcome.flooded && !by_us) {
        add({"I8", "", "the client crashed: " + finished.outcome.ending, false, run});
    }
}

/// I9, by the job alone: of a promise that is broken still, it is told by its own name.
void PlaceTrial::note_convergence(const FinishedRun& finished, RunFindings findings, std::uint32_t run) {
    if (findings.job_unfinished) {
        for (auto& promises : findings.promises) {
            promises.clear();
        }
        findings.job_unfinished = promises_.unfinished(
            finished, findings, ground_.recording.renewed ? Job::renewal_once : Job::any);
    }
    if (const Promise promise = promises_.convergence(finished, findings); promise.broken) {
        add({promise.id, "", *promise.broken, false, run});
    }
}

/// Each promise of each card once: when it was first seen.
void PlaceTrial::add(BrokenPromise broken) {
    const bool known = std::ranges::any_of(outcome_.broken, [&](const BrokenPromise& one) {
        return one.invariant == broken.invariant && one.card == broken.card;
    });
    if (!known) {
        outcome_.broken.push_back(std::move(broken));
    }
}

void PlaceTrial::conclude() {
    const auto& cards = ground_.stage.cards();
    for (BrokenPromise& broken : outcome_.broken) {
        for (std::size_t card = 0; card < findings_.promises.size(); ++card) {
            for (const Promise& promise : findings_.promises[card]) {
                if (promise.id == broken.invariant && cards.shown_name(card) == broken.card &&
                    may_wait(promise)) {
                    broken.mended = !promise.broken;
                }
            }
        }
    }
    outcome_.outcome = outcome_.broken.empty()                                        ? Outcome::clean
                       : std::ranges::all_of(outcome_.broken, &BrokenPromise::mended) ? Outcome::window
                                                                                      : Outcome::violation;
}

void PlaceTrial::keep(const PlaceKeep& keep) const {
    std::error_code error;
    const fs::path folder(keep.folder);
    fs::create_directories(folder, error);
    if (error) {
        throw RequestError(fmt::format("{}: {}", keep.folder, error.message()));
    }
    fs::permissions(folder, fs::perms::owner_all, error);
    ScenarioStage& stage = ground_.stage;
    const std::vector<emulator::CardImage> end = stage.cards().images();
    for (std::size_t i = 0; i < end.size(); ++i) {
        const std::string& name = stage.cards().name(i);
        if (i < cut_.size()) {
            write_file((folder / fmt::format("cut {}.card", name)).string(), cut_[i].serialize());
        }
        write_file((folder / fmt::format("end {}.card", name)).string(), end[i].serialize());
    }
    write_file((folder / "output.txt").string(), without_secrets(stage.output(), stage.secrets()));
    TraceFile file((folder / "trace.jsonl").string());
    const std::vector<TraceEvent> played = stage.trace().events();
    const auto write = [&file](const TraceEvent& event) { file.write(event); };
    if (cut_at_) { // which no run has made
        const auto to_cut = trace_to_cut(ground_.recording, outcome_.place, *cut_at_);
        std::ranges::for_each(trace_over_cut(to_cut, played), write);
    } else {
        std::ranges::for_each(played, write);
    }
}

} // namespace cardrig::harness
