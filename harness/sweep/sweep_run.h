// The course of a sweep: record, memory, recovery, live, and each finding once more. It hands out the places
// and collects what came of them; README.md in this folder tells the order and why.
#pragma once

#include "harness/run_selection.h"
#include "harness/sweep/sweep_pool.h"
#include "harness/sweep/sweep_report.h"
#include "harness/sweep/sweep_selection.h"

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace cardrig::harness {

struct SweepRunOptions {
    SweepSubject subject; ///< `digest` and `protection` come from the recorded run
    std::set<SweepPhase> phases{all_sweep_phases.begin(), all_sweep_phases.end()};
    Shard shard;
    /// No place is begun after that.
    std::optional<std::chrono::steady_clock::time_point> until;
    std::string keep; ///< folder for each finding's images, trace and output; empty: they are not kept
    std::optional<SweepReport> previous; ///< what it goes on from
    std::string replay;                  ///< SweepReport::replay
    /// Called with all that there is so far, every few seconds. That it throws RequestError is a notice.
    std::function<void(const SweepReport&)> checkpoint;
    std::chrono::milliseconds checkpoint_interval{std::chrono::seconds(2)};
};

struct SweepProgress {
    std::string doing; ///< "recording", "memory", "recovery", "live", "trying findings once more"
    std::size_t done = 0;
    std::size_t planned = 0;  ///< 0: nobody knows yet
    std::size_t findings = 0; ///< places with a violation
    std::chrono::milliseconds took{0};
    std::optional<std::chrono::seconds> left; ///< about
};

/// What a sweep would try; nothing where a signal ended it.
struct SweepListing {
    int signal = 0; ///< which one, or 0
    SweepRecord record;
    std::vector<std::string> notices;
};

class SweepRun final : private SweepTasks {
public:
    SweepRun(SweepPool& pool, SweepRunOptions options);

    struct Result {
        SweepReport report; ///< of `previous` alone, where nothing was recorded
        int signal = 0;     ///< that ended it, or 0
        bool known = false; ///< whether there is anything to report: it has recorded, or goes on from a sweep
    };
    /// Throws RequestError where the undisturbed run fails, has none of the places that were asked for, or is
    /// another than that of `previous`; HostError where there are no workers.
    [[nodiscard]] Result run();
    /// The recorded run alone, and the places of this shard. Throws as run() does.
    [[nodiscard]] SweepListing list();
    void on_progress(std::function<void(const SweepProgress&)> told) { told_ = std::move(told); }

private:
    enum class Memory : std::uint8_t { to_do, under_way, done };

    [[nodiscard]] std::optional<SweepTask> next(bool fresh) override;
    [[nodiscard]] bool answered(const SweepTask& task, const nlohmann::json& answer) override;
    void lost(const SweepTask& task, const std::string& why) override;
    void look() override;

    [[nodiscard]] bool wants_states() const;
    [[nodiscard]] bool something_to_do() const;
    [[nodiscard]] std::optional<SweepTask> next_place();
    [[nodiscard]] bool over() const;
    void recorded(SweepRecord record);
    void check_selection() const;
    void check_previous() const;
    void plan_live();
    void memory_done(MemoryPhaseResult result);
    void tried(const SweepTask& task, PlaceOutcome outcome);
    void failed(const SweepTask& task, const std::string& why);
    [[nodiscard]] bool take_over(const std::string& place);
    [[nodiscard]] SweepReport report() const;
    void add_memory_places(SweepReport& report) const;
    std::vector<std::string> add_earlier(SweepReport& report, SweepPhase phase) const;
    void add_unknown_states(SweepReport& report) const;
    void add_places(SweepReport& report, const std::vector<PlannedPlace>& planned) const;
    [[nodiscard]] bool is_ours(const PlaceOutcome& outcome, std::size_t index) const;
    [[nodiscard]] bool is_ours(std::uint64_t number) const;
    [[nodiscard]] int shrink(SweepReport& report);
    [[nodiscard]] std::optional<std::chrono::seconds> time_left() const;
    void tell();

    SweepPool& pool_;
    SweepRunOptions options_;
    std::function<void(const SweepProgress&)> told_;
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
    std::chrono::steady_clock::time_point saved_ = begin_;

    std::map<std::string, PlaceOutcome> before_; ///< of `previous`, but what failed or diverged: by text
    bool recording_ = false;
    bool listing_ = false;
    std::optional<SweepRecord> record_;
    unsigned bad_workers_ = 0; ///< in a row, that came to nothing
    Memory memory_ = Memory::to_do;
    std::string memory_trouble_;
    MemoryPhaseResult memory_result_;                    ///< with its places
    std::map<std::string, std::uint64_t> state_numbers_; ///< by which shards part them
    std::map<std::string, std::string> state_at_;        ///< what a recovery starts from, by its place's text
    std::vector<PlannedPlace> recovery_;                 ///< this shard's, all
    std::vector<PlannedPlace> live_;
    std::map<std::string, PlannedPlace> planned_; ///< of both, by text
    std::deque<SweepPlace> recovery_left_;
    std::deque<SweepPlace> live_left_;
    std::map<std::string, PlaceOutcome> outcomes_; ///< of both, by the place's text
    std::set<std::string> notices_;
    std::optional<std::chrono::steady_clock::time_point> first_place_; ///< when one was handed out
    std::size_t tried_ = 0;                                            ///< since then

    bool shrinking_ = false;
    std::deque<SweepTask> again_;
    std::map<std::string, PlaceOutcome> seen_again_; ///< by folder
    std::size_t again_planned_ = 0;
};

} // namespace cardrig::harness
