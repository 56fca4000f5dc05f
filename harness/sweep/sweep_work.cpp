#include "harness/sweep/sweep_work.h"

#include "harness/config_text.h"
#include "harness/errors.h"
#include "harness/files.h"
#include "harness/signal_watch.h"
#include "harness/sweep/client_phase.h"
#include "harness/sweep/crash_images.h"
#include "harness/sweep/cut_trace.h"
#include "harness/trace_file.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include <poll.h>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using PhaseMarks = std::vector<std::pair<std::uint32_t, std::string>>;

/// Where along an axis it becomes another phase.
void mark(PhaseMarks& marks, std::uint32_t position, std::string phase) {
    if (marks.empty() || marks.back().second != phase) {
        marks.emplace_back(position, std::move(phase));
    }
}

PhaseMarks phases_of_commands(const Recording& recording) {
    PhaseMarks marks;
    std::uint32_t position = 0;
    for (std::size_t i = 0; i < recording.events.size(); ++i) {
        const std::string& kind = recording.events[i].kind;
        if (kind == "apdu" || kind == "authority") {
            mark(marks, position++, client_phase(recording.events, i));
        }
    }
    return marks;
}

PhaseMarks phases_of_writes(const Recording& recording) {
    PhaseMarks marks;
    std::uint32_t position = 0;
    for (const MemoryStep& step : recording.steps) {
        if (step.kind == MemoryStep::Kind::write) {
            mark(marks, position++, client_phase(recording.events, step.event));
        }
    }
    return marks;
}

RecordedRun recorded_run(const Recording& recording) {
    RecordedRun run;
    run.commands = recording.commands;
    run.writes = recording.writes();
    run.requests =
        static_cast<std::uint32_t>(std::ranges::count(recording.events, "authority", &TraceEvent::kind));
    run.seconds = std::chrono::duration<double>(recording.outcome.took).count();
    run.phases_of_commands = phases_of_commands(recording);
    run.phases_of_writes = phases_of_writes(recording);
    return run;
}

bool has_come(const SignalWatch& signals) {
    pollfd wanted{signals.descriptor(), POLLIN, 0};
    return ::poll(&wanted, 1, 0) > 0;
}

/// The cards as the cut left them.
void keep_images(const std::vector<emulator::CardImage>& cards, const std::vector<std::string>& names,
                 const PlaceKeep& keep) {
    std::error_code error;
    fs::create_directories(keep.folder, error);
    if (error) {
        throw RequestError(fmt::format("{}: {}", keep.folder, error.message()));
    }
    fs::permissions(keep.folder, fs::perms::owner_all, error);
    for (std::size_t i = 0; i < cards.size(); ++i) {
        write_file(fmt::format("{}/cut {}.card", keep.folder, names.at(i)), cards[i].serialize());
    }
}

/// On the rig.
class StageWork final : public SweepWork {
public:
    StageWork(const Scenario& scenario, SweepWorkOptions options, const SignalWatch& signals)
        : options_(std::move(options)), signals_(signals),
          stage_(scenario, with_signals(options_.stage, signals)) {}

    SweepRecord record(unsigned times) override {
        std::vector<std::string> differences;
        recording_ = stage_.record();
        for (unsigned i = 1; i < times; ++i) {
            Recording again = stage_.record();
            differences = Recording::differences(recording_, again);
            recording_ = std::move(again);
        }
        SweepRecord record;
        record.digest = recording_.digest();
        record.protection = protection_text(recording_.start.front().config);
        record.run = recorded_run(recording_);
        record.run.differences = std::move(differences);
        record.memory = memory_places(recording_, with_memory());
        record.live = live_places(recording_, options_.selection);
        return record;
    }

    MemoryPhaseResult memory(const std::function<void(const PlaceOutcome&)>& on_place) override {
        MemoryPhaseOptions phase;
        phase.selection = with_memory();
        phase.enough = [this] {
            return has_come(signals_) ||
                   (options_.until && std::chrono::steady_clock::now() >= *options_.until);
        };
        phase.on_place = on_place;
        return run_memory_phase(recording_, phase);
    }

    PlaceOutcome try_place(const SweepPlace& place, const std::optional<PlaceKeep>& keep) override {
        switch (place.phase) {
        case SweepPhase::live:
            return stage_.live(place, keep);
        case SweepPhase::recovery:
            return stage_.recover(place, crash_state(recording_, place), keep);
        case SweepPhase::memory:
            break;
        }
        return looked_at(place, keep);
    }

    [[nodiscard]] std::vector<std::string> notices() const override { return stage_.notices(); }

private:
    static StageOptions with_signals(StageOptions options, const SignalWatch& signals) {
        options.signals = &signals;
        return options;
    }

    /// What recoveries start from is found in the memory phase, also where nobody asked for the phase itself.
    [[nodiscard]] SweepSelection with_memory() const {
        SweepSelection selection = options_.selection;
        if (selection.phases.contains(SweepPhase::recovery)) {
            selection.phases.insert(SweepPhase::memory);
        }
        return selection;
    }

    /// One crash image.
    PlaceOutcome looked_at(const SweepPlace& place, const std::optional<PlaceKeep>& keep) {
        const CrashState state = crash_state(recording_, place);
        if (keep) {
            keep_images(state.cards, recording_.card_names, *keep);
            TraceFile file(keep->folder + "/trace.jsonl");
            std::ranges::for_each(trace_to_cut(recording_, place, state.event),
                                  [&file](const TraceEvent& event) { file.write(event); });
        }
        return look_at_image(recording_, place);
    }

    SweepWorkOptions options_;
    const SignalWatch& signals_;
    SweepStage stage_;
    Recording recording_;
};

json planned_json(const std::vector<PlannedPlace>& places) {
    json list = json::array();
    std::ranges::transform(places, std::back_inserter(list), &PlannedPlace::to_json);
    return list;
}

std::vector<PlannedPlace> planned_from_json(const json& list) {
    std::vector<PlannedPlace> places;
    std::ranges::transform(list, std::back_inserter(places), &PlannedPlace::from_json);
    return places;
}

} // namespace

json SweepRecord::to_json() const {
    SweepReport report;
    report.subject.digest = digest;
    report.subject.protection = protection;
    report.recorded = run;
    return {{"report", report.to_json()}, {"memory", planned_json(memory)}, {"live", planned_json(live)}};
}

SweepRecord SweepRecord::from_json(const json& json) {
    SweepRecord record;
    for (const char* const key : {"report", "memory", "live"}) {
        if (!json.contains(key)) {
            throw RequestError(fmt::format("'{}' of a recorded run is missing", key));
        }
    }
    SweepReport report = SweepReport::from_json(json["report"]);
    record.digest = std::move(report.subject.digest);
    record.protection = std::move(report.subject.protection);
    record.run = std::move(report.recorded);
    record.memory = planned_from_json(json["memory"]);
    record.live = planned_from_json(json["live"]);
    return record;
}

MakeSweepWork make_sweep_work(const Scenario& scenario, const SweepWorkOptions& options) {
    return [&scenario, options](const SignalWatch& signals) {
        return std::make_unique<StageWork>(scenario, options, signals);
    };
}

} // namespace cardrig::harness
