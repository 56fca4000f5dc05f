#include "harness/sweep/sweep_run.h"

#include "harness/sweep/scratch_folder.h"

#include "harness/errors.h"
#include "harness/sweep/sweep_shrink.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <utility>

#include <stdlib.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace cardrig::harness {

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using nlohmann::json;

/// So many workers may come to nothing one after the other.
constexpr unsigned most_bad_workers = 3;

double seconds_since(Clock::time_point then) {
    return std::chrono::duration<double>(Clock::now() - then).count();
}

/// What an answer says that is no result; none where it is one.
std::optional<std::string> trouble_in(const json& answer) {
    for (const char* const key : {"wrong", "host", "trouble"}) {
        if (answer.contains(key)) {
            return answer[key].get<std::string>();
        }
    }
    return std::nullopt;
}

/// Which shard's a state is goes by where it is first seen, not by how many came before: certificates have
/// other dates in each process, so that one state more or less may be seen there. (FNV-1a.)
std::uint64_t number_of(const SweepPlace& first) {
    std::uint64_t number = 0xCBF2'9CE4'8422'2325U;
    for (const char c : first.text()) {
        number = (number ^ static_cast<unsigned char>(c)) * 0x100'0000'01B3U;
    }
    return number;
}

/// What has to be equal, in words.
std::vector<std::pair<std::string, std::pair<std::string, std::string>>> compared(const SweepSubject& one,
                                                                                  const SweepSubject& other) {
    return {
        {"the scenario", {one.scenario, other.scenario}},
        {"--variant", {one.variant, other.variant}},
        {"--client", {one.client, other.client}},
        {"--reader", {one.reader, other.reader}},
        {"--seed", {std::to_string(one.seed), std::to_string(other.seed)}},
        {"--phases",
         {fmt::format("{}", fmt::join(one.phases, ",")), fmt::format("{}", fmt::join(other.phases, ","))}},
        {"--models",
         {fmt::format("{}", fmt::join(one.models, ",")), fmt::format("{}", fmt::join(other.models, ","))}},
        {"--places", {one.places, other.places}},
        {"--reruns", {std::to_string(one.reruns), std::to_string(other.reruns)}},
        {"--slowdown", {std::to_string(one.slowdown), std::to_string(other.slowdown)}},
        {"the card's protection", {one.protection, other.protection}}};
}

std::string or_nothing(const std::string& word) {
    return word.empty() ? "nothing" : fmt::format("'{}'", word);
}

} // namespace

SweepRun::SweepRun(SweepPool& pool, SweepRunOptions options) : pool_(pool), options_(std::move(options)) {
    if (options_.previous) {
        for (const PlaceOutcome& outcome : options_.previous->places) {
            if (outcome.outcome != Outcome::failed && outcome.outcome != Outcome::diverged) {
                before_.emplace(outcome.place.text(), outcome);
            }
        }
    }
}

// --- the course --------------------------------------------------------------------------------------------

SweepListing SweepRun::list() {
    listing_ = true;
    SweepListing listing;
    listing.signal = pool_.run(*this);
    if (listing.signal == 0) {
        listing.record = record_.value();
        listing.record.live = live_;
        listing.notices.assign(notices_.begin(), notices_.end());
    }
    return listing;
}

SweepRun::Result SweepRun::run() {
    Result result;
    result.signal = pool_.run(*this);
    result.known = record_ || options_.previous;
    result.report = report();
    conclude(result.report);
    if (result.signal == 0 && !over()) {
        result.signal = shrink(result.report);
    }
    result.report.seconds = seconds_since(begin_) + (options_.previous ? options_.previous->seconds : 0);
    return result;
}

bool SweepRun::over() const {
    return options_.until && Clock::now() >= *options_.until;
}

/// What recoveries start from is found in the memory phase.
bool SweepRun::wants_states() const {
    return options_.phases.contains(SweepPhase::memory) || options_.phases.contains(SweepPhase::recovery);
}

bool SweepRun::something_to_do() const {
    if (shrinking_) {
        return !again_.empty();
    }
    return (memory_ == Memory::to_do && wants_states()) || !recovery_left_.empty() || !live_left_.empty();
}

std::optional<SweepTask> SweepRun::next(bool fresh) {
    SweepTask task;
    task.kind = SweepTask::Kind::record;
    if (!record_) {
        if (std::exchange(recording_, true)) {
            return std::nullopt;
        }
        task.times = 2; // to see how much alike two are
        return task;
    }
    if (listing_ || over() || !something_to_do()) {
        return std::nullopt;
    }
    if (fresh) {
        task.digest = record_->digest;
        return bad_workers_ < most_bad_workers ? std::optional(task) : std::nullopt;
    }
    return next_place();
}

std::optional<SweepTask> SweepRun::next_place() {
    SweepTask task;
    if (shrinking_) {
        task = std::move(again_.front());
        again_.pop_front();
        return task;
    }
    if (wants_states() && memory_ == Memory::to_do) {
        memory_ = Memory::under_way;
        task.kind = SweepTask::Kind::memory;
        return task;
    }
    // While one worker looks at memory, the others may go on to the live phase.
    std::deque<SweepPlace>& left = recovery_left_.empty() ? live_left_ : recovery_left_;
    if (left.empty()) {
        return std::nullopt;
    }
    task.place = std::move(left.front());
    left.pop_front();
    first_place_ = first_place_.value_or(Clock::now());
    return task;
}

bool SweepRun::answered(const SweepTask& task, const json& answer) {
    for (const json& notice : answer.value("notices", json::array())) {
        notices_.insert(notice.get<std::string>());
    }
    if (const auto trouble = trouble_in(answer)) {
        if (!record_ && answer.contains("wrong")) {
            throw RequestError(*trouble);
        }
        lost(task, *trouble);
        return answer.contains("wrong") && task.kind != SweepTask::Kind::record;
    }
    if (answer.contains("recorded")) {
        recorded(SweepRecord::from_json(answer["recorded"]));
    } else if (answer.contains("place")) {
        memory_result_.places.push_back(PlaceOutcome::from_json(answer["place"]));
    } else if (answer.contains("memory")) {
        memory_done(memory_result_from_json(answer["memory"]));
    } else if (answer.contains("outcome")) {
        tried(task, PlaceOutcome::from_json(answer["outcome"]));
    }
    return true;
}

void SweepRun::lost(const SweepTask& task, const std::string& why) {
    switch (task.kind) {
    case SweepTask::Kind::record:
        if (!record_) {
            throw HostError(fmt::format("the undisturbed run: {}", why));
        }
        if (++bad_workers_ == most_bad_workers) {
            notices_.insert(fmt::format("no more workers: {} of them came to nothing, the last one: {}",
                                        most_bad_workers, why));
        }
        break;
    case SweepTask::Kind::memory:
        memory_ = Memory::done;
        memory_result_.complete = false;
        memory_trouble_ = why;
        notices_.insert(fmt::format("the memory phase did not come to its end: {}", why));
        break;
    case SweepTask::Kind::place:
        failed(task, why);
        break;
    }
}

void SweepRun::failed(const SweepTask& task, const std::string& why) {
    PlaceOutcome outcome;
    outcome.place = task.place;
    outcome.outcome = Outcome::failed;
    outcome.message = why;
    tried(task, std::move(outcome));
}

void SweepRun::tried(const SweepTask& task, PlaceOutcome outcome) {
    if (shrinking_) {
        seen_again_[task.keep] = std::move(outcome);
        return;
    }
    const std::string text = task.place.text();
    if (const auto planned = planned_.find(text); planned != planned_.end()) {
        // By the first recording, as all others.
        outcome.position = planned->second.position;
        outcome.client_phase = planned->second.client_phase;
    }
    if (const auto state = state_at_.find(text); state != state_at_.end()) {
        outcome.state = state->second;
    }
    outcomes_[text] = std::move(outcome);
    ++tried_;
}

// --- what there is to do -----------------------------------------------------------------------------------

void SweepRun::recorded(SweepRecord record) {
    bad_workers_ = 0;
    if (record_) {
        return;
    }
    record_ = std::move(record);
    check_selection();
    check_previous();
    plan_live();
}

/// Of the whole sweep: that a shard has no part in it is nobody's mistake.
void SweepRun::check_selection() const {
    if (!record_->memory.empty() || !record_->live.empty()) {
        return;
    }
    const SweepSubject& subject = options_.subject;
    std::string asked;
    const auto add = [&asked](const char* option, const std::string& words) {
        if (!words.empty()) {
            asked += fmt::format("{}{} '{}'", asked.empty() ? "" : ", ", option, words);
        }
    };
    add("--phases", fmt::format("{}", fmt::join(subject.phases, ",")));
    add("--models", fmt::format("{}", fmt::join(subject.models, ",")));
    add("--places", subject.places);
    throw RequestError(fmt::format("nothing to try: the undisturbed run ({} commands, {} memory writes, {} "
                                   "requests) has no place for {}; --list without these shows all",
                                   record_->run.commands, record_->run.writes, record_->run.requests, asked));
}

void SweepRun::check_previous() const {
    if (!options_.previous) {
        return;
    }
    const SweepReport& previous = *options_.previous;
    SweepSubject subject = options_.subject;
    subject.protection = record_->protection;
    for (const auto& [what, words] : compared(previous.subject, subject)) {
        if (words.first != words.second) {
            throw RequestError(fmt::format("--continue: that sweep was another one: {} was {}, and is {} now",
                                           what, or_nothing(words.first), or_nothing(words.second)));
        }
    }
    if (previous.shard != options_.shard.number || previous.shards != options_.shard.of) {
        throw RequestError(fmt::format("--continue: that was shard {} of {}, and this is {} of {}",
                                       previous.shard, previous.shards, options_.shard.number,
                                       options_.shard.of));
    }
    if (previous.subject.digest != record_->digest) {
        throw RequestError(
            "--continue: the undisturbed run is another one than that sweep's (the client, the scenario "
            "or cardrig has changed, or the client does not do the same each time); begin anew, "
            "without --continue");
    }
}

void SweepRun::plan_live() {
    live_ = every_nth(record_->live, options_.shard);
    for (const PlannedPlace& place : live_) {
        const std::string text = place.place.text();
        planned_.emplace(text, place);
        if (!take_over(text)) {
            live_left_.push_back(place.place);
        }
    }
}

void SweepRun::memory_done(MemoryPhaseResult result) {
    memory_ = Memory::done;
    std::vector<PlaceOutcome> places = std::move(memory_result_.places);
    memory_result_ = std::move(result);
    memory_result_.places = std::move(places);
    std::vector<PlannedPlace> states;
    for (const DistinctState& state : memory_result_.states) {
        const std::uint64_t number = number_of(state.first);
        state_numbers_.emplace(state.id, number);
        state_at_.emplace(state.first.text(), state.id);
        if (is_ours(number)) {
            states.push_back({state.first, state.position, state.client_phase, 0});
        }
    }
    if (!options_.phases.contains(SweepPhase::recovery)) {
        return;
    }
    recovery_ = std::move(states);
    for (const PlannedPlace& place : recovery_) {
        const std::string text = place.place.text();
        planned_.emplace(text, place);
        if (!take_over(text)) {
            recovery_left_.push_back(place.place);
        }
    }
}

/// Whether the sweep that this one goes on from knows what came of it.
bool SweepRun::take_over(const std::string& place) {
    const auto found = before_.find(place);
    if (found == before_.end()) {
        return false;
    }
    PlaceOutcome& outcome = outcomes_.emplace(place, found->second).first->second;
    if (const auto state = state_at_.find(place); state != state_at_.end()) {
        outcome.state = state->second;
    }
    return true;
}

// --- what came of it ---------------------------------------------------------------------------------------

SweepReport SweepRun::report() const {
    SweepReport report;
    report.subject = options_.subject;
    report.replay = options_.replay;
    report.shard = static_cast<std::uint32_t>(options_.shard.number);
    report.shards = static_cast<std::uint32_t>(options_.shard.of);
    if (options_.until) {
        report.budget = std::chrono::duration<double>(*options_.until - begin_).count();
    }
    report.seconds = seconds_since(begin_) + (options_.previous ? options_.previous->seconds : 0);
    report.notices.assign(notices_.begin(), notices_.end());
    if (!record_) {
        return options_.previous.value_or(std::move(report));
    }
    report.subject.digest = record_->digest;
    report.subject.protection = record_->protection;
    report.recorded = record_->run;
    report.images = memory_result_.images;
    report.recovery_cuts = memory_result_.recovery_cuts;
    report.merged = memory_result_.merged;
    report.states = memory_result_.states.size();
    report.depth = memory_result_.depth;
    report.memory_complete = !wants_states() || (memory_ == Memory::done && memory_result_.complete);
    add_memory_places(report);
    add_earlier(report, SweepPhase::recovery);
    add_unknown_states(report);
    add_places(report, recovery_);
    add_places(report, live_);
    return report;
}

/// Places of the memory phase go with the state that they left, so that a shard knows what became of it.
bool SweepRun::is_ours(const PlaceOutcome& outcome, std::size_t index) const {
    const auto state = state_numbers_.find(outcome.state);
    return is_ours(state == state_numbers_.end() ? index : state->second);
}

bool SweepRun::is_ours(std::uint64_t number) const {
    return number % options_.shard.of == options_.shard.number - 1;
}

void SweepRun::add_memory_places(SweepReport& report) const {
    if (!options_.phases.contains(SweepPhase::memory)) {
        return;
    }
    std::set<std::string> done;
    for (std::size_t i = 0; i < memory_result_.places.size(); ++i) {
        const PlaceOutcome& outcome = memory_result_.places[i];
        done.insert(outcome.place.text());
        if (is_ours(outcome, i)) {
            report.places.push_back(outcome);
        }
    }
    for (const std::string& earlier : add_earlier(report, SweepPhase::memory)) {
        done.insert(earlier);
    }
    const auto& planned = record_->memory;
    for (std::size_t i = 0; i < planned.size(); ++i) {
        if (i % options_.shard.of != options_.shard.number - 1 || done.contains(planned[i].place.text())) {
            continue;
        }
        if (memory_trouble_.empty()) {
            report.not_reached.emplace_back(planned[i].place, planned[i].position);
        } else {
            PlaceOutcome outcome;
            outcome.place = planned[i].place;
            outcome.position = planned[i].position;
            outcome.client_phase = planned[i].client_phase;
            outcome.outcome = Outcome::failed;
            outcome.message = memory_trouble_;
            report.places.push_back(std::move(outcome));
        }
    }
}

/// Until this sweep's own memory phase has come to its end, what the one before knew of it and of the states
/// stays, in whose place nothing new has come. Returns these places' texts.
std::vector<std::string> SweepRun::add_earlier(SweepReport& report, SweepPhase phase) const {
    std::vector<std::string> added;
    if (memory_ == Memory::done && memory_result_.complete) {
        return added;
    }
    std::set<std::string> there;
    for (const PlaceOutcome& outcome : report.places) {
        there.insert(outcome.place.text());
    }
    for (const auto& [text, outcome] : before_) {
        if (outcome.place.phase == phase && !there.contains(text) && !planned_.contains(text)) {
            added.push_back(text);
            report.places.push_back(outcome);
            PlaceOutcome& earlier = report.places.back();
            earlier.state.clear(); // numbered by that sweep, and concluded by it
            for (BrokenPromise& promise : earlier.broken) {
                promise.state = promise.state.empty() ? "" : "of the sweep before";
            }
        }
    }
    return added;
}

/// Which states there are is known at the memory phase's end. Until then the recovery from its last place
/// counts as one that was not reached: nobody takes such a report for the whole.
void SweepRun::add_unknown_states(SweepReport& report) const {
    const bool ended = memory_ == Memory::done && (memory_result_.complete || !memory_trouble_.empty());
    if (ended || !wants_states() || record_->memory.empty() || !report.not_reached.empty()) {
        return;
    }
    const PlannedPlace& last = record_->memory.back();
    SweepPlace place = last.place;
    place.phase = SweepPhase::recovery;
    report.not_reached.emplace_back(std::move(place), last.position);
}

void SweepRun::add_places(SweepReport& report, const std::vector<PlannedPlace>& planned) const {
    for (const PlannedPlace& place : planned) {
        const auto found = outcomes_.find(place.place.text());
        if (found == outcomes_.end()) {
            report.not_reached.emplace_back(place.place, place.position);
        } else {
            report.places.push_back(found->second);
        }
    }
}

// --- each finding once more --------------------------------------------------------------------------------

int SweepRun::shrink(SweepReport& report) {
    shrinking_ = true;
    const std::optional<ScratchFolder> scratch =
        options_.keep.empty() ? std::optional<ScratchFolder>(std::in_place) : std::nullopt;
    std::vector<std::string> folders;
    for (std::size_t i = 0; i < report.groups.size(); ++i) {
        SweepTask task;
        task.place = report.groups[i].first;
        task.keep = fmt::format("{}/{}", scratch ? scratch->path() : options_.keep,
                                group_folder(report.groups[i], i));
        folders.push_back(task.keep);
        again_.push_back(std::move(task));
    }
    again_planned_ = again_.size();
    const int signal = pool_.run(*this);
    for (std::size_t i = 0; i < report.groups.size(); ++i) {
        FindingGroup& group = report.groups[i];
        const auto seen = seen_again_.find(folders[i]);
        if (seen == seen_again_.end() || seen->second.outcome == Outcome::failed) {
            continue; // nobody knows
        }
        group.reproduced = shows(group, seen->second);
        group.trace = trace_excerpt(folders[i]);
        group.folder = scratch ? "" : folders[i];
    }
    return signal;
}

// --- meanwhile ---------------------------------------------------------------------------------------------

void SweepRun::look() {
    tell();
    if (record_ && !shrinking_ && options_.checkpoint &&
        Clock::now() - saved_ >= options_.checkpoint_interval) {
        SweepReport so_far = report();
        conclude(so_far);
        try {
            options_.checkpoint(so_far);
        } catch (const RequestError& error) { // the disk may have room again the next time, or in the end
            notices_.insert(fmt::format("what there was could not be written meanwhile: {}", error.what()));
        }
        saved_ = Clock::now();
    }
}

/// As those that were tried took, the others will; none while too few were.
std::optional<std::chrono::seconds> SweepRun::time_left() const {
    constexpr std::size_t enough = 10;
    if (tried_ < enough || !first_place_) {
        return std::nullopt;
    }
    const std::size_t left = recovery_left_.size() + live_left_.size();
    const double each = seconds_since(*first_place_) / static_cast<double>(tried_);
    return std::chrono::seconds(static_cast<std::int64_t>(each * static_cast<double>(left)));
}

void SweepRun::tell() {
    if (!told_) {
        return;
    }
    SweepProgress progress;
    progress.took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin_);
    progress.findings = static_cast<std::size_t>(std::ranges::count_if(
        outcomes_, [](const auto& one) { return one.second.outcome == Outcome::violation; }));
    if (!record_) {
        progress.doing = "recording";
    } else if (shrinking_) {
        progress.doing = "trying findings once more";
        progress.planned = again_planned_;
        progress.done = seen_again_.size();
    } else {
        progress.doing = memory_ == Memory::under_way ? "memory"
                         : !recovery_left_.empty()    ? "recovery"
                                                      : "live";
        progress.planned = recovery_.size() + live_.size() + record_->memory.size();
        progress.done = outcomes_.size() + std::min(memory_result_.places.size(), record_->memory.size());
        progress.left = time_left();
    }
    told_(progress);
}

} // namespace cardrig::harness
