// What a scenario's client is run on: its cards, its authority, the rig with its readers, and the hand; and
// how one run of the client goes there.
#pragma once

#include "emulator/card_image.h"
#include "harness/client_conversation.h"
#include "harness/hand/control_server.h"
#include "harness/hand/hand.h"
#include "harness/reader_kind.h"
#include "harness/rig.h"
#include "harness/run_promises.h"
#include "harness/scenario.h"
#include "harness/scenario_authority.h"
#include "harness/scenario_cards.h"
#include "harness/scenario_client.h"
#include "harness/scenario_clock.h"
#include "harness/scenario_moves.h"
#include "harness/trace.h"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace cardrig::harness {

class SignalWatch;

struct ScenarioStageOptions {
    ReaderKind kind = ReaderKind::rig;
    std::optional<std::uint64_t> seed;
    const SignalWatch* signals = nullptr; ///< one of its signals ends what is under way
    /// Told of what is worth telling the user, as it comes up; the same may come again, and empty ones.
    std::function<void(const std::string&)> on_notice;
};

/// What a stage can be rewound to.
struct StageState {
    std::vector<emulator::CardImage> cards; ///< by place in the scenario
    AuthorityState authority;
    std::uint64_t seed = 1; ///< of the first card; the others' follow
};

class ScenarioStage final {
public:
    /// Makes a Rig: once in a process, while it has one thread. Cards are in their readers then. The scenario
    /// outlives it. Throws HostError, RequestError, Interrupted.
    ScenarioStage(const Scenario& scenario, ScenarioStageOptions options);
    ScenarioStage(const ScenarioStage&) = delete;
    ScenarioStage& operator=(const ScenarioStage&) = delete;
    /// Nothing that a card is made to wait for keeps the rig from ending, also in no reader.
    ~ScenarioStage();

    [[nodiscard]] Trace& trace() { return trace_; }
    [[nodiscard]] const ScenarioCards& cards() const { return cards_; }
    [[nodiscard]] ScenarioAuthority& authority() { return authority_; }
    [[nodiscard]] const Rig& rig() const { return rig_; }
    [[nodiscard]] ScenarioMoves& moves() { return moves_; }
    [[nodiscard]] std::chrono::sys_seconds now() const { return clock_.now(); }

    /// The authority serves, the client's surroundings are made, and its date is proved. Once, before the
    /// rest.
    void open();
    /// One run of the client to its end; it is numbered from 1 on. Throws HostError, RequestError,
    /// Interrupted.
    [[nodiscard]] FinishedRun play(const ScenarioRun& run);
    void move_clock(std::chrono::seconds time);
    /// Everything is as if the scenario began, with the cards and the authority in this state: nothing
    /// planned, the home folder empty, the trace and what clients printed begun anew, the cards where they
    /// are when the scenario begins. Daemon and server go on. Only for a stage with a seed.
    /// `before_set_out` is called when all is so but the cards, which have no power yet.
    void rewind(const StageState& state, const std::function<void()>& before_set_out = {});

    /// What clients have printed, each with a heading; and the last lines of the last one, without secrets.
    [[nodiscard]] const std::string& output() const { return output_; }
    [[nodiscard]] const std::vector<std::string>& last_output() const { return last_output_; }
    /// What must not be shown.
    [[nodiscard]] std::vector<std::string> secrets() const;

private:
    class Telling;

    [[nodiscard]] HandOptions hand_options();
    void open_control();
    void surround();
    void set_clock();
    [[nodiscard]] std::set<std::uint64_t> prepare(const ScenarioRun& run);
    [[nodiscard]] std::set<std::uint64_t> plan(const ScenarioRun& run, bool at_card_time);
    [[nodiscard]] RunOutcome outcome_of(const ClientResult& result,
                                        const ClientConversation& conversation) const;
    [[nodiscard]] std::vector<Fault> not_happened(const std::set<std::uint64_t>& planned);
    [[nodiscard]] std::vector<std::string> undone(const std::set<std::uint64_t>& planned) const;
    void kill_client();
    [[nodiscard]] bool take_command();
    void add_notice(const std::string& notice) const;

    const Scenario& scenario_;
    const ScenarioStageOptions options_;
    ScenarioClock clock_;
    Trace trace_;
    ScenarioAuthority authority_;
    ScenarioCards cards_;
    Rig rig_;
    Hand hand_;
    std::optional<ControlServer> control_; ///< where some run's client may move the cards itself
    ScenarioMoves moves_;
    ClientSurroundings surroundings_;
    std::string output_;
    std::vector<std::string> last_output_;
    std::atomic<std::size_t> runs_ = 0;
    std::atomic<std::size_t> last_killed_ = 0; ///< of the runs
    std::atomic<std::uint32_t> commands_ = 0;  ///< of the run's client
    std::atomic<std::uint32_t> most_commands_ = most_apdus_of_a_run;
    std::atomic<bool> flooded_ = false; ///< it was killed because of them
};

} // namespace cardrig::harness
