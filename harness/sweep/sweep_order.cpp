#include "harness/sweep/sweep_order.h"

#include "harness/fault_verbs.h"

#include <algorithm>
#include <array>
#include <tuple>

namespace cardrig::harness {

namespace {

constexpr std::array verbs_first{Verb::cut_power, Verb::remove, Verb::reset, Verb::unplug, Verb::kill_client};

std::size_t verb_order(Verb verb) {
    const auto* const first = std::ranges::find(verbs_first, verb);
    if (first != verbs_first.end()) {
        return static_cast<std::size_t>(first - verbs_first.begin());
    }
    const auto* const row = std::ranges::find(verb_rows, verb, &VerbRow::verb);
    return verbs_first.size() + static_cast<std::size_t>(row - verb_rows.begin());
}

std::size_t tearing_order(const Tearing& tearing) {
    const auto& all = all_tearings();
    const auto found = std::ranges::find_if(all, [&](const Tearing& known) {
        return known.model == tearing.model && known.prefix == tearing.prefix;
    });
    return static_cast<std::size_t>(found - all.begin());
}

/// From what shows most: the client from the beginning, the client afterwards, the memory alone.
std::size_t phase_order(SweepPhase phase) {
    constexpr std::array order{SweepPhase::live, SweepPhase::recovery, SweepPhase::memory};
    return static_cast<std::size_t>(std::ranges::find(order, phase) - order.begin());
}

} // namespace

ModelOrder model_order(const SweepPlace& place) {
    if (place.phase != SweepPhase::live) {
        return {.kind = tearing_order(place.effect.tearing.value_or(Tearing{})), .text = place.model()};
    }
    return {.kind = verb_order(place.effect.verb),
            .moment = place.place.moment == Moment::before ? std::size_t{0} : std::size_t{1},
            .text = place.model()};
}

bool simpler(const PlaceOutcome& one, const PlaceOutcome& other) {
    const auto key = [](const PlaceOutcome& outcome) {
        const ModelOrder order = model_order(outcome.place);
        return std::tuple(phase_order(outcome.place.phase), outcome.position, outcome.place.further.size(),
                          order.moment, order.kind, outcome.place.text());
    };
    return key(one) < key(other);
}

} // namespace cardrig::harness
