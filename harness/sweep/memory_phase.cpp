#include "harness/sweep/memory_phase.h"

#include "harness/errors.h"
#include "harness/sweep/card_search.h"
#include "harness/sweep/client_phase.h"
#include "harness/sweep/digests.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

/// All cards of a recording, along its steps.
class MemoryPhase final {
public:
    MemoryPhase(const Recording& recording, const MemoryPhaseOptions& options)
        : recording_(recording), options_(options), stale_(recording.start.size(), true),
          present_(recording.start.size(), 0) {
        for (std::size_t card = 0; card < recording.start.size(); ++card) {
            searches_.push_back(std::make_unique<CardSearch>(recording, card, options));
        }
    }

    [[nodiscard]] MemoryPhaseResult run() {
        const auto begin = std::chrono::steady_clock::now();
        for (const MemoryStep& step : recording_.steps) {
            if (step.kind == MemoryStep::Kind::write) {
                if (!cut(step)) {
                    break;
                }
                ++position_;
            }
            searches_.at(step.card)->pass(step);
            stale_.at(step.card) = true;
        }
        std::ranges::move(of_recoveries_, std::back_inserter(result_.places));
        for (const auto& search : searches_) {
            const SearchCounts& counts = search->counts();
            result_.images += counts.images;
            result_.recovery_cuts += counts.recovery_cuts;
            result_.merged += counts.merged;
            result_.depth = std::max(result_.depth, counts.depth);
        }
        result_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        return std::move(result_);
    }

    [[nodiscard]] PlaceOutcome look_at(const SweepPlace& place) {
        const auto tearing = std::ranges::find(all_tearings(), place.effect.tearing.value_or(Tearing{}));
        for (const MemoryStep& step : recording_.steps) {
            if (step.kind == MemoryStep::Kind::write) {
                if (step.number == place.place.write && is_card(step.card, place.place.card)) {
                    set_moment(step);
                    const ImageVerdict verdict =
                        searches_.at(step.card)->look_at(step, *tearing, place.further, where_);
                    const auto index = static_cast<std::size_t>(tearing - all_tearings().begin());
                    return outcome_of(step, {index, place.further, &verdict});
                }
                ++position_;
            }
            searches_.at(step.card)->pass(step);
            stale_.at(step.card) = true;
        }
        throw RequestError(
            fmt::format("'{}': the recorded run has no such write of this card", place.text()));
    }

private:
    [[nodiscard]] bool is_card(std::size_t card, const std::string& name) const {
        return name.empty() ? card == 0 : recording_.card_names.at(card) == name;
    }

    [[nodiscard]] bool cut(const MemoryStep& write) {
        const std::vector<std::size_t> tearings = taken(write);
        if (tearings.empty()) {
            return true;
        }
        if (options_.enough && options_.enough()) {
            result_.complete = false;
            return false;
        }
        set_moment(write);
        const std::size_t first = result_.places.size();
        const auto on_first = [&](const FoundImage& found) {
            result_.places.push_back(outcome_of(write, found));
        };
        const auto on_recovery = [&](const FoundImage& found) {
            PlaceOutcome outcome = outcome_of(write, found);
            const std::size_t nth =
                static_cast<std::size_t>(std::ranges::find(tearings, found.tearing) - tearings.begin());
            if (breaks_more(outcome, result_.places.at(first + nth))) {
                of_recoveries_.push_back(std::move(outcome));
            }
        };
        return told_of(first, searches_[write.card]->cut(write, tearings, where_, on_first, on_recovery));
    }

    /// The places of a write, from this one on, and how they came to an end. False: enough.
    [[nodiscard]] bool told_of(std::size_t first, CutEnd end) {
        if (end == CutEnd::enough) { // not tried to the end: they are not told of at all
            result_.complete = false;
            result_.places.resize(first);
            return false;
        }
        for (std::size_t i = first; i < result_.places.size(); ++i) {
            PlaceOutcome& place = result_.places[i];
            if (end == CutEnd::endless) {
                place.message = fmt::format("the card's recoveries from here do not come to an end: given up "
                                            "after {} images, or {} cuts in a row",
                                            most_images_of_a_write, most_cuts_in_a_row);
                place.outcome = place.outcome == Outcome::violation ? Outcome::violation : Outcome::failed;
            }
            if (options_.on_place) {
                options_.on_place(place);
            }
        }
        return true;
    }

    [[nodiscard]] static bool breaks_more(const PlaceOutcome& recovery, const PlaceOutcome& first) {
        return std::ranges::any_of(recovery.broken, [&](const BrokenPromise& broken) {
            return std::ranges::none_of(first.broken, [&](const BrokenPromise& there) {
                return there.invariant == broken.invariant;
            });
        });
    }

    [[nodiscard]] SweepPlace place_of(const MemoryStep& write, std::size_t tearing) const {
        SweepPlace place;
        place.phase = SweepPhase::memory;
        place.place.write = write.number;
        if (write.card != 0) {
            place.place.card = recording_.card_names.at(write.card);
        }
        place.effect.verb = Verb::cut_power;
        place.effect.tearing = all_tearings().at(tearing);
        return place;
    }

    [[nodiscard]] std::vector<std::size_t> taken(const MemoryStep& write) const {
        std::vector<std::size_t> taken;
        for (std::size_t tearing = 0; tearing < all_tearings().size(); ++tearing) {
            if (options_.selection.takes(place_of(write, tearing))) {
                taken.push_back(tearing);
            }
        }
        return taken;
    }

    /// What is not the cut card's, and tells states apart: the authority, and the other cards as they are.
    void set_moment(const MemoryStep& write) {
        where_ = digests::mixed(write.requests, write.card);
        for (std::size_t card = 0; card < searches_.size(); ++card) {
            if (card == write.card) {
                continue;
            }
            if (stale_[card]) {
                present_[card] = searches_[card]->state();
                stale_[card] = false;
            }
            where_ = digests::mixed(where_, present_[card]);
        }
        if (write.event != event_ || client_phase_.empty()) {
            event_ = write.event;
            client_phase_ = client_phase(recording_.events, write.event);
        }
    }

    [[nodiscard]] PlaceOutcome outcome_of(const MemoryStep& write, const FoundImage& found) {
        PlaceOutcome outcome;
        outcome.place = place_of(write, found.tearing);
        outcome.place.further = found.further;
        outcome.outcome = found.verdict->outcome;
        outcome.position = position_;
        outcome.client_phase = client_phase_;
        const std::optional<std::uint32_t> front = found.verdict->state;
        for (const SeenBroken& seen : found.verdict->broken) {
            outcome.broken.push_back(seen.promise);
            if (seen.state && seen.state != front) {
                outcome.broken.back().state = called(*seen.state).id;
            }
        }
        if (!front) {
            outcome.card_state = "cannot be read";
            return outcome;
        }
        outcome.card_state = searches_[write.card]->states().entry(*front).card_state;
        Called& state = called(*front);
        outcome.state = state.id;
        if (!std::exchange(state.listed, true)) {
            add_state(outcome);
        }
        return outcome;
    }

    struct Called {
        std::string id;
        bool listed = false; ///< among the result's states: a place's first power-on found it
    };
    /// What a state of the cut card is called, with all around that.
    [[nodiscard]] Called& called(std::uint32_t state) {
        const auto [at, is_new] = called_.try_emplace(digests::mixed(where_, state));
        if (is_new) {
            at->second.id = fmt::format("s{}", called_.size());
        }
        return at->second;
    }

    void add_state(const PlaceOutcome& outcome) {
        DistinctState distinct;
        distinct.id = outcome.state;
        distinct.first = outcome.place;
        distinct.first.phase = SweepPhase::recovery;
        distinct.position = outcome.position;
        distinct.client_phase = outcome.client_phase;
        distinct.card_state = outcome.card_state;
        std::ranges::copy_if(outcome.broken, std::back_inserter(distinct.broken),
                             [](const BrokenPromise& broken) {
                                 const bool mendable = broken.invariant == "I2" || broken.invariant == "I4";
                                 return mendable && broken.state.empty();
                             });
        result_.states.push_back(std::move(distinct));
    }

    const Recording& recording_;
    const MemoryPhaseOptions& options_;
    std::vector<std::unique_ptr<CardSearch>> searches_; ///< by card
    std::vector<bool> stale_;                           ///< whether present_ is of an earlier moment
    std::vector<std::uint32_t> present_;                ///< by card: the state that it is in
    std::uint64_t where_ = 0;
    std::size_t event_ = 0;
    std::string client_phase_;
    std::uint32_t position_ = 0;
    std::unordered_map<std::uint64_t, Called> called_;
    std::vector<PlaceOutcome> of_recoveries_;
    MemoryPhaseResult result_;
};

} // namespace

MemoryPhaseResult run_memory_phase(const Recording& recording, const MemoryPhaseOptions& options) {
    return MemoryPhase(recording, options).run();
}

PlaceOutcome look_at_image(const Recording& recording, const SweepPlace& place, const CardMaker& maker) {
    MemoryPhaseOptions options;
    options.maker = maker;
    return MemoryPhase(recording, options).look_at(place);
}

} // namespace cardrig::harness
