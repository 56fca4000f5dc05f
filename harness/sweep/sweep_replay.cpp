#include "harness/sweep/sweep_replay.h"

#include "harness/errors.h"
#include "harness/files.h"
#include "harness/trace_file.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

constexpr std::size_t bytes_shown = 24;

/// Record, then the place: to the one worker.
class ReplayTasks final : public SweepTasks {
public:
    ReplayTasks(const SweepPlace& place, std::string folder) : folder_(std::move(folder)) {
        outcome_.place = place;
    }

    std::optional<SweepTask> next(bool fresh) override {
        SweepTask task;
        if (fresh && !std::exchange(begun_, true)) {
            task.kind = SweepTask::Kind::record;
            return task;
        }
        if (!record_ || std::exchange(given_, true)) {
            return std::nullopt;
        }
        task.place = outcome_.place;
        task.keep = folder_;
        return task;
    }

    bool answered(const SweepTask& task, const nlohmann::json& answer) override {
        for (const auto& notice : answer.value("notices", nlohmann::json::array())) {
            notices_.insert(notice.get<std::string>());
        }
        if (answer.contains("wrong")) {
            throw RequestError(answer["wrong"].get<std::string>());
        }
        for (const char* const key : {"host", "trouble"}) {
            if (answer.contains(key)) {
                lost(task, answer[key].get<std::string>());
                return false;
            }
        }
        if (answer.contains("recorded")) {
            record_ = SweepRecord::from_json(answer["recorded"]);
        } else if (answer.contains("outcome")) {
            outcome_ = PlaceOutcome::from_json(answer["outcome"]);
            done_ = true;
        }
        return true;
    }

    void lost(const SweepTask& task, const std::string& why) override {
        if (task.kind == SweepTask::Kind::record) {
            throw HostError(fmt::format("the undisturbed run: {}", why));
        }
        outcome_.outcome = Outcome::failed;
        outcome_.message = why;
        done_ = true;
    }

    void look() override {}

    [[nodiscard]] bool done() const { return done_; }

    [[nodiscard]] SweepReport report(const SweepSubject& subject) const {
        SweepReport report;
        report.subject = subject;
        report.subject.digest = record_->digest;
        report.subject.protection = record_->protection;
        report.recorded = record_->run;
        report.places = {outcome()};
        report.notices.assign(notices_.begin(), notices_.end());
        return report;
    }

    /// With what the recorded run says of its place.
    [[nodiscard]] PlaceOutcome outcome() const {
        PlaceOutcome outcome = outcome_;
        for (const auto* const planned : {&record_->live, &record_->memory}) {
            const auto found = std::ranges::find(*planned, outcome.place, &PlannedPlace::place);
            if (found != planned->end()) {
                outcome.position = found->position;
                outcome.client_phase = found->client_phase;
            }
        }
        return outcome;
    }

private:
    std::string folder_;
    bool begun_ = false;
    bool given_ = false;
    bool done_ = false;
    std::optional<SweepRecord> record_;
    PlaceOutcome outcome_;
    std::set<std::string> notices_;
};

std::string when(const BrokenPromise& promise) {
    if (promise.run == 0) {
        return "at the cut";
    }
    return promise.run == 1 ? "after the interrupted run"
                            : fmt::format("after run {} of the client", promise.run);
}

std::string outcome_text(const PlaceOutcome& outcome) {
    std::string text = fmt::format("{}\n  outcome       {}\n", outcome.place.text(), word(outcome.outcome));
    if (!outcome.client_phase.empty()) {
        text += fmt::format("  the client    {}\n", outcome.client_phase);
    }
    if (!outcome.card_state.empty()) {
        text += fmt::format("  the card      {}\n", outcome.card_state);
    }
    if (outcome.place.phase != SweepPhase::memory) {
        text += fmt::format("  run again     {} times\n", outcome.runs);
    }
    if (!outcome.message.empty()) {
        text += fmt::format("  {}\n", outcome.message);
    }
    for (const BrokenPromise& promise : outcome.broken) {
        text += fmt::format("  {}  {}{}{} ({}{})\n", promise.invariant, promise.card,
                            promise.card.empty() ? "" : ": ", promise.how, when(promise),
                            promise.mended ? ", whole again afterwards" : "");
    }
    return text;
}

std::string trace_text(const std::string& folder) {
    const std::string file = folder + "/trace.jsonl";
    if (!std::filesystem::exists(file)) {
        return "";
    }
    std::string text = "\ntrace\n";
    for (const TraceEvent& event : read_trace(file)) {
        if (event.kind != "memory-write") {
            text +=
                fmt::format("{} {}\n", event.kind == "fault" ? ">>>" : "   ", readable(event, bytes_shown));
        }
    }
    return text;
}

} // namespace

SweepReplay replay(SweepPool& pool, const SweepSubject& subject, const SweepPlace& place,
                   const std::string& folder) {
    ReplayTasks tasks(place, folder);
    SweepReplay replayed;
    replayed.signal = pool.run(tasks);
    if (!tasks.done()) {
        return replayed;
    }
    replayed.report = tasks.report(subject);
    replayed.text = outcome_text(tasks.outcome()) + trace_text(folder);
    return replayed;
}

} // namespace cardrig::harness
