// What follows from the outcomes of a sweep's places: windows or violations, groups, the exit status.
#include "harness/sweep/holder_sentence.h"
#include "harness/sweep/sweep_order.h"
#include "harness/sweep/sweep_report.h"

#include "harness/errors.h"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

/// Promises that a client which is run again can make whole: the others are broken for good.
bool can_be_mended(const BrokenPromise& promise) {
    return promise.invariant == "I2" || promise.invariant == "I3" || promise.invariant == "I4";
}

/// The recoveries that came to an end, by the state that they started from, and by the cut that left it.
class Recoveries {
public:
    explicit Recoveries(const std::vector<PlaceOutcome>& places) {
        for (const PlaceOutcome& outcome : places) {
            const bool ended = outcome.outcome == Outcome::clean || outcome.outcome == Outcome::window ||
                               outcome.outcome == Outcome::violation;
            if (outcome.place.phase == SweepPhase::recovery && ended) {
                by_cut_[as(outcome.place, SweepPhase::memory).text()] = &outcome;
                if (!outcome.state.empty()) {
                    by_state_[outcome.state] = &outcome;
                }
            }
        }
        // A recovery that does not say from which state it started: the cut's own outcome does.
        for (const PlaceOutcome& outcome : places) {
            if (outcome.place.phase == SweepPhase::memory && !outcome.state.empty()) {
                if (const auto found = by_cut_.find(outcome.place.text()); found != by_cut_.end()) {
                    by_state_.try_emplace(outcome.state, found->second);
                }
            }
        }
    }

    [[nodiscard]] const PlaceOutcome* of(const PlaceOutcome& memory) const {
        if (const auto found = by_cut_.find(memory.place.text()); found != by_cut_.end()) {
            return found->second;
        }
        return of_state(memory.state);
    }

    /// That shows whether a client mends this promise of that place.
    [[nodiscard]] const PlaceOutcome* of(const PlaceOutcome& memory, const BrokenPromise& promise) const {
        return promise.state.empty() ? of(memory) : of_state(promise.state);
    }

    static SweepPlace as(SweepPlace place, SweepPhase phase) {
        place.phase = phase;
        return place;
    }

private:
    [[nodiscard]] const PlaceOutcome* of_state(const std::string& state) const {
        const auto found = by_state_.find(state);
        return found == by_state_.end() ? nullptr : found->second;
    }

    std::map<std::string, const PlaceOutcome*> by_cut_;
    std::map<std::string, const PlaceOutcome*> by_state_;
};

bool still_broken(const PlaceOutcome& recovery, const BrokenPromise& promise) {
    return std::ranges::any_of(recovery.broken, [&](const BrokenPromise& other) {
        return !other.mended && other.invariant == promise.invariant && other.card == promise.card;
    });
}

/// A place of the memory phase, with what the recoveries of its states showed. Where there is none, what was
/// concluded of it before stays.
void conclude_place(PlaceOutcome& memory, const Recoveries& recoveries) {
    bool open = false;
    bool broken = false;
    for (BrokenPromise& promise : memory.broken) {
        const PlaceOutcome* const recovery =
            can_be_mended(promise) ? recoveries.of(memory, promise) : nullptr;
        if (recovery != nullptr) {
            promise.mended = !still_broken(*recovery, promise);
        }
        const bool untried = can_be_mended(promise) && recovery == nullptr && memory.outcome == Outcome::open;
        open = open || (!promise.mended && untried);
        broken = broken || (!promise.mended && !untried);
    }
    memory.outcome = broken ? Outcome::violation : open ? Outcome::open : Outcome::window;
    if (const PlaceOutcome* const recovery = recoveries.of(memory)) {
        memory.runs = recovery->runs;
    }
}

void conclude_places(std::vector<PlaceOutcome>& places) {
    const std::vector<PlaceOutcome> before = places;
    const Recoveries recoveries(before);
    for (PlaceOutcome& outcome : places) {
        const bool judged = outcome.outcome != Outcome::failed && outcome.outcome != Outcome::diverged;
        if (outcome.place.phase == SweepPhase::memory && judged && !outcome.broken.empty()) {
            conclude_place(outcome, recoveries);
        }
    }
}

Outcome outcome_of(const PlaceOutcome& place, const BrokenPromise& promise) {
    if (promise.mended) {
        return Outcome::window;
    }
    return can_be_mended(promise) && place.outcome == Outcome::open ? Outcome::open : Outcome::violation;
}

/// "I2" before "I10".
std::tuple<std::size_t, std::string> invariant_order(const std::string& id) {
    return {id.size(), id};
}

/// With the card that it is about, where there are several: what befell one says nothing of another.
using GroupKey = std::tuple<std::string, std::string, std::string, std::string, Outcome>;

GroupKey key_of(const FindingGroup& group) {
    return {group.invariant, group.broken.card, group.client_phase, group.card_state, group.outcome};
}

/// What is known of a group, and where it is seen best so far.
struct Gathered {
    const PlaceOutcome* first = nullptr;
    const BrokenPromise* broken = nullptr;
    const PlaceOutcome* last_counted = nullptr; ///< a place counts once, however often it is said
    std::size_t places = 0;
};

std::map<GroupKey, Gathered> gathered(const std::vector<PlaceOutcome>& places) {
    std::map<GroupKey, Gathered> groups;
    for (const PlaceOutcome& place : places) {
        if (place.outcome == Outcome::failed || place.outcome == Outcome::diverged) {
            continue; // what was seen on the way proves nothing
        }
        for (const BrokenPromise& promise : place.broken) {
            Gathered& group = groups[{promise.invariant, promise.card, place.client_phase, place.card_state,
                                      outcome_of(place, promise)}];
            group.places += group.last_counted == &place ? 0 : 1;
            group.last_counted = &place;
            if (group.first == nullptr || simpler(place, *group.first)) {
                group.first = &place;
                group.broken = &promise;
            }
        }
    }
    return groups;
}

/// What the client made of a cut's state, only the recovery from it shows.
SweepPlace shown_by(const PlaceOutcome& place, const BrokenPromise& promise, const Recoveries& recoveries) {
    const bool with_client =
        place.place.phase == SweepPhase::memory && can_be_mended(promise) && place.outcome != Outcome::open;
    if (const PlaceOutcome* const recovery = recoveries.of(place, promise);
        with_client && !promise.state.empty() && recovery != nullptr) {
        return recovery->place;
    }
    return with_client ? Recoveries::as(place.place, SweepPhase::recovery) : place.place;
}

std::vector<FindingGroup> groups_of(const SweepReport& report) {
    std::vector<FindingGroup> groups;
    const Recoveries recoveries(report.places);
    for (const auto& [key, found] : gathered(report.places)) {
        FindingGroup group;
        group.broken = *found.broken;
        std::tie(group.invariant, std::ignore, group.client_phase, group.card_state, group.outcome) = key;
        group.places = found.places;
        group.first = shown_by(*found.first, *found.broken, recoveries);
        group.holder = holder_sentence(group.broken, group.outcome, group.card_state);
        group.reproduce = reproduce_command(report, group.first);
        groups.push_back(std::move(group));
    }
    return groups;
}

/// Where along its axis a group is first seen.
std::uint32_t position_of(const SweepReport& report, const FindingGroup& group) {
    const auto found = std::ranges::find_if(report.places, [&](const PlaceOutcome& place) {
        return place.place.place == group.first.place && place.place.effect == group.first.effect &&
               place.place.further == group.first.further;
    });
    return found == report.places.end() ? 0 : found->position;
}

void sort_groups(const SweepReport& report, std::vector<FindingGroup>& groups) {
    constexpr std::array order{Outcome::violation, Outcome::open, Outcome::window};
    const auto key = [&](const FindingGroup& group) {
        return std::tuple(std::ranges::find(order, group.outcome) - order.begin(),
                          invariant_order(group.invariant), position_of(report, group), group.card_state,
                          group.broken.card, group.first.text());
    };
    std::ranges::stable_sort(groups, {}, key);
}

/// What was found out about a group's first place before.
void keep_findings(const std::vector<FindingGroup>& before, std::vector<FindingGroup>& groups) {
    for (FindingGroup& group : groups) {
        const auto known = std::ranges::find_if(before, [&](const FindingGroup& old) {
            return old.first == group.first && key_of(old) == key_of(group);
        });
        if (known != before.end()) {
            group.trace = known->trace;
            group.folder = known->folder;
            group.reproduced = known->reproduced;
        }
    }
}

} // namespace

void conclude(SweepReport& report) {
    conclude_places(report.places);
    std::vector<FindingGroup> groups = groups_of(report);
    sort_groups(report, groups);
    keep_findings(report.groups, groups);
    report.groups = std::move(groups);
}

std::string reproduce_command(const SweepReport& report, const SweepPlace& place) {
    return report.replay.empty() ? std::string() : fmt::format("{} '{}'", report.replay, place.text());
}

int exit_status(const SweepReport& report) {
    const auto any = [&](Outcome outcome) {
        return std::ranges::find(report.places, outcome, &PlaceOutcome::outcome) != report.places.end();
    };
    if (any(Outcome::violation)) {
        return static_cast<int>(ExitStatus::something_did_not);
    }
    const bool unknown =
        !report.complete() || any(Outcome::open) || any(Outcome::diverged) || any(Outcome::failed);
    return static_cast<int>(unknown ? ExitStatus::incomplete : ExitStatus::all_held);
}

} // namespace cardrig::harness
