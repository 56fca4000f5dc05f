#include "harness/sweep/crash_images.h"

#include "harness/errors.h"
#include "harness/faulty_nvm.h"
#include "harness/sweep/card_power.h"

#include <algorithm>
#include <deque>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

/// A card's memory while the recorded steps are done to it once more.
struct ReplayedMemory {
    explicit ReplayedMemory(const emulator::CardImage& image)
        : memory(image.config.geometry, image.memory, image.weak) {}
    emulator::MemoryNvm memory;
    FaultyNvm faulty{memory};
};

std::size_t card_of(const Recording& recording, const SweepPlace& place) {
    if (place.place.card.empty()) {
        return 0;
    }
    const auto found = std::ranges::find(recording.card_names, place.place.card);
    if (found == recording.card_names.end()) {
        throw RequestError(
            fmt::format("'{}': there is no card '{}' in this run", place.text(), place.place.card));
    }
    return static_cast<std::size_t>(found - recording.card_names.begin());
}

/// Whether the power was cut.
bool cut(FaultyNvm& memory, const std::function<void()>& work) {
    try {
        work();
    } catch (const PowerCut&) {
        memory.power_on();
        return true;
    }
    return false;
}

/// The step of the first cut.
const MemoryStep& cut_step(const Recording& recording, const SweepPlace& place) {
    if (place.phase == SweepPhase::live || !place.place.write) {
        throw RequestError(fmt::format("'{}' is no memory write of the recorded run", place.text()));
    }
    const std::size_t card = card_of(recording, place);
    const auto found = std::ranges::find_if(recording.steps, [&](const MemoryStep& step) {
        return step.kind == MemoryStep::Kind::write && step.card == card && step.number == *place.place.write;
    });
    if (found == recording.steps.end()) {
        throw RequestError(
            fmt::format("'{}': the recorded run has no such write of this card", place.text()));
    }
    return *found;
}

void do_step(ReplayedMemory& card, const MemoryStep& step) {
    if (step.kind == MemoryStep::Kind::sync) {
        card.faulty.sync();
    } else {
        card.faulty.write(step.offset, step.bytes);
    }
}

/// A power-on that is cut.
void cut_recovery(emulator::MemoryNvm& memory, const emulator::CardConfig& config, const RecoveryCut& further,
                  CardPower& power, const SweepPlace& place) {
    FaultyNvm faulty(memory);
    faulty.cut_at(further.write, further.tearing);
    if (!cut(faulty, [&] { (void)power.on(faulty, config); })) {
        throw RequestError(fmt::format("'{}': the recovery has {} writes, and none numbered {}", place.text(),
                                       faulty.writes(), further.write));
    }
}

} // namespace

CrashState crash_state(const Recording& recording, const SweepPlace& place, const CardMaker& maker) {
    const MemoryStep& last = cut_step(recording, place);
    std::deque<ReplayedMemory> cards;
    for (const emulator::CardImage& image : recording.start) {
        cards.emplace_back(image);
    }
    for (const MemoryStep* step = recording.steps.data(); step != &last; ++step) {
        do_step(cards.at(step->card), *step);
    }
    ReplayedMemory& torn = cards.at(last.card);
    torn.faulty.cut_at(1, place.effect.tearing.value_or(Tearing{}));
    (void)cut(torn.faulty, [&] { do_step(torn, last); });
    CardPower power(maker, recording.now);
    for (const RecoveryCut& further : place.further) {
        cut_recovery(torn.memory, recording.start.at(last.card).config, further, power, place);
    }
    CrashState state{{}, last.requests, last.event};
    for (std::size_t i = 0; i < cards.size(); ++i) {
        const emulator::MemoryNvm& memory = cards[i].memory;
        state.cards.push_back({recording.start[i].config, memory.bytes(), memory.weak()});
    }
    return state;
}

} // namespace cardrig::harness
