// How a scenario's cards are moved: by its acts, and between its runs.
#pragma once

#include "harness/hand/hand.h"
#include "harness/rig.h"
#include "harness/scenario.h"
#include "harness/scenario_cards.h"
#include "harness/trace.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace cardrig::harness {

class ScenarioMoves final {
public:
    /// All outlive it. `add_notice` is told what vpcd could not show as it was asked for.
    ScenarioMoves(const Scenario& scenario, const ScenarioCards& cards, Rig& rig, Hand& hand,
                  const Trace& trace, std::function<void(const std::string&)> add_notice);

    /// Done when clients can have seen it. `place`: the act's, for what it throws: RequestError where it
    /// makes no sense at this moment, HostError, Interrupted.
    void move(const Effect& effect, const std::string& place);
    /// Takes the first card out, where it is in, and puts it back.
    void reinsert(const std::string& place);
    /// Takes every card out and plugs every reader in, without waiting for anybody and without a word in the
    /// trace: for cards that are rewound. What was moved before is forgotten.
    void clear();
    /// Puts the cards in that are in when the scenario begins. Then no card is in another reader.
    void set_out();
    /// After something went wrong: every reader is plugged in, and every card but the first is where it was
    /// at the beginning, with power. The first is in no reader that is another's; prepare() does the rest.
    void set_right();
    /// Waits until clients can have seen all that was moved before, and moves the first card as the run says.
    void prepare(const ScenarioRun& run);

private:
    [[nodiscard]] std::size_t first_home() const;
    void move_card(Verb verb, std::size_t reader, const std::string& place);
    [[nodiscard]] std::optional<std::size_t> reader_of_first();
    [[nodiscard]] std::optional<TraceEvent> last_move_of_first() const;
    [[nodiscard]] std::size_t home_of_first() const;
    [[nodiscard]] bool left_by_itself();
    void put_in(const std::string& place);
    void take_out(const std::string& place);
    void move_other(Verb verb, std::size_t reader, std::size_t card);
    void settle(const std::string& place);

    const Scenario& scenario_;
    const ScenarioCards& cards_;
    Rig& rig_;
    Hand& hand_;
    const Trace& trace_;
    std::function<void(const std::string&)> add_notice_;
    /// The move, in the trace, by which the first card was taken out of vpcd's reader because it can have no
    /// card without power; 0: none.
    std::uint64_t relaxed_removal_ = 0;
};

} // namespace cardrig::harness
