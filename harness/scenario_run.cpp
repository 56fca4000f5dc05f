#include "harness/scenario_run.h"

#include "harness/client_output.h"
#include "harness/errors.h"
#include "harness/files.h"
#include "harness/scenario_judge.h"
#include "harness/scenario_stage.h"
#include "harness/shell_word.h"
#include "harness/signal_watch.h"
#include "harness/trace_file.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

namespace cardrig::harness {

namespace fs = std::filesystem;

namespace {

/// One scenario on its way.
class ScenarioRunner {
public:
    ScenarioRunner(const Scenario& scenario, const RunOptions& options)
        : scenario_(scenario), options_(options), stage_(scenario, stage_options()),
          judge_(scenario, stage_.cards(), report_) {}

    ScenarioRunner(const ScenarioRunner&) = delete;
    ScenarioRunner& operator=(const ScenarioRunner&) = delete;

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
        stage_.cards().set_forsaken(true);
        finish(std::chrono::steady_clock::now() - begin);
        return std::move(report_);
    }

private:
    [[nodiscard]] ScenarioStageOptions stage_options();
    void end_with(Verdict verdict, std::string message);
    void act_out();
    void converge(const Convergence& convergence);
    void add_notice(const std::string& notice);
    void finish(std::chrono::duration<double> took);
    void keep() const;

    const Scenario& scenario_;
    const RunOptions& options_;
    ScenarioReport report_;
    ScenarioStage stage_;
    ScenarioJudge judge_;
};

ScenarioStageOptions ScenarioRunner::stage_options() {
    ScenarioStageOptions options;
    options.kind = options_.kind;
    options.seed = options_.seed;
    options.signals = options_.signals;
    options.on_notice = [this](const std::string& notice) { add_notice(notice); };
    return options;
}

void ScenarioRunner::end_with(Verdict verdict, std::string message) {
    report_.verdict = verdict;
    report_.message = std::move(message);
}

void ScenarioRunner::act_out() {
    stage_.open();
    for (const Act& act : scenario_.acts) {
        if (act.run) {
            judge_.judge(stage_.play(*act.run));
        } else if (act.converge) {
            converge(*act.converge);
        } else if (act.clock) {
            stage_.move_clock(*act.clock);
        } else if (act.effect) {
            stage_.moves().move(*act.effect, act.place);
        } else {
            stage_.moves().reinsert(act.place);
        }
    }
    judge_.finish();
}

void ScenarioRunner::converge(const Convergence& convergence) {
    bool done = false;
    for (std::uint32_t attempt = 1; !done; ++attempt) {
        const bool last = attempt == convergence.within;
        done = judge_.judge_attempt(stage_.play(convergence.run), last) || last;
    }
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
    std::ranges::for_each(stage_.rig().notices(), [this](const std::string& notice) { add_notice(notice); });
    report_.events = stage_.trace().events();
    report_.show_last_events();
    report_.last_output = stage_.last_output();
    report_.cards = stage_.cards().courses();
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
    stage_.cards().keep(folder.string());
    write_file((folder / "output.txt").string(), without_secrets(stage_.output(), stage_.secrets()));
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
    return shell_words(words);
}

ScenarioReport run_scenario(const Scenario& scenario, const RunOptions& options) {
    return ScenarioRunner(scenario, options).run();
}

} // namespace cardrig::harness
