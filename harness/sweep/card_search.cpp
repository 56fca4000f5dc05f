#include "harness/sweep/card_search.h"

#include "harness/errors.h"
#include "harness/sweep/digests.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

namespace cardrig::harness {

namespace {

constexpr std::uint32_t nothing_later = std::numeric_limits<std::uint32_t>::max();

void do_step(CrashMemory& memory, const MemoryStep& step) {
    if (step.kind == MemoryStep::Kind::sync) {
        memory.sync();
    } else {
        memory.write(step.offset, step.bytes);
    }
}

} // namespace

CardSearch::CardSearch(const Recording& recording, std::size_t card, const MemoryPhaseOptions& options)
    : recording_(recording), card_(card), options_(options),
      card_name_(recording.start.size() > 1 ? recording.card_names.at(card) : std::string()),
      config_(recording.start.at(card).config), power_(options.maker, recording.now),
      memory_(recording.start[card]), states_(recording, card, committed_, options.merge, options.memo),
      sights_(memory_, config_, power_, states_), evidence_(recording, card) {
    learn();
}

// --- what the undisturbed run commits

/// Each object's values between commands, and which commands that took a passcode had spent a try before.
void CardSearch::learn() {
    const CrashMemory::Mark begin = memory_.mark();
    StoreContents before = contents_of(memory_);
    committed_.add(before);
    std::size_t event = recording_.events.size() + 1;
    for (const MemoryStep& step : recording_.steps) {
        if (step.card != card_) {
            continue;
        }
        if (step.event != event) {
            before = contents_of(memory_);
            committed_.add(before);
            event = step.event;
        }
        do_step(memory_, step);
        learn_spent_try(event, before);
    }
    committed_.add(contents_of(memory_));
    memory_.back_to(begin);
    (void)memory_.exchange_unsynced({});
}

void CardSearch::learn_spent_try(std::size_t event, const StoreContents& before) {
    if (event >= recording_.events.size() || spending_.contains(event) || !evidence_.takes_passcode(event)) {
        return;
    }
    const auto tries = static_cast<std::size_t>(emulator::piv::passcode_tries);
    if (contents_of(memory_).counters.at(tries) < before.counters.at(tries)) {
        spending_.insert(event);
    }
}

StoreContents CardSearch::contents_of(CrashMemory& memory) {
    const CrashMemory::Mark mark = memory.mark();
    UnsyncedWrites unsynced = memory.exchange_unsynced({});
    StoreContents contents;
    {
        const CardPower::Powered powered = power_.on(memory, config_);
        if (powered.card) {
            contents = StoreContents::of((*powered.card)->store());
        }
    }
    memory.back_to(mark);
    (void)memory.exchange_unsynced(std::move(unsynced));
    return contents;
}

// --- along the run

void CardSearch::pass(const MemoryStep& step) {
    if (step.kind == MemoryStep::Kind::write) {
        tell_of_tries(step.event); // this was the first write since, whether it was cut or not
        unspent_.clear();
    }
    do_step(memory_, step);
    memory_.forget_undo();
}

std::uint32_t CardSearch::state() {
    bool is_new = false;
    const Seen seen = sights_.look(is_new);
    const Sight& sight = sights_.sights(seen.sights).front();
    return sight.has_state ? sight.state : nothing_later;
}

CutEnd CardSearch::cut(const MemoryStep& write, const std::vector<std::size_t>& tearings, std::uint64_t where,
                       const OnImage& on_first, const OnImage& on_recovery) {
    evidence_now_ = number_of(evidence_.at(write.event));
    tell_of_tries(write.event);
    const std::uint64_t moment = digests::mixed(evidence_now_, where);
    if (options_.merge) {
        return cut_recoveries(cut_first(write, tearings, moment, on_first), moment, on_recovery);
    }
    CutEnd end = CutEnd::whole;
    for (const std::size_t tearing : tearings) {
        visited_.clear();
        sights_.forget();
        const CutEnd of_one =
            cut_recoveries(cut_first(write, {tearing}, moment, on_first), moment, on_recovery);
        if (of_one == CutEnd::enough) {
            return of_one;
        }
        end = of_one == CutEnd::endless ? of_one : end;
    }
    return end;
}

ImageVerdict CardSearch::look_at(const MemoryStep& write, const Tearing& tearing,
                                 const std::vector<RecoveryCut>& further, std::uint64_t where) {
    evidence_now_ = number_of(evidence_.at(write.event));
    tell_of_tries(write.event);
    const CrashMemory::Mark mark = memory_.mark();
    memory_.tear({write.number, write.offset, write.bytes}, tearing);
    UnsyncedWrites unsynced = memory_.exchange_unsynced({});
    for (const RecoveryCut& cut : further) {
        cut_power_on(cut);
    }
    bool is_new = false;
    std::vector<RecoveryStep> recovery;
    const ImageVerdict& verdict = *consider(digests::mixed(evidence_now_, where), is_new, recovery);
    memory_.back_to(mark);
    (void)memory_.exchange_unsynced(std::move(unsynced));
    return verdict;
}

/// A power-on over the memory as it is, as far as that.
void CardSearch::cut_power_on(const RecoveryCut& cut) {
    const std::vector<RecoveryStep> recovery = sights_.recovery();
    std::uint64_t number = 0;
    for (const RecoveryStep& step : recovery) {
        memory_.set_weak_state(step.weak_state);
        if (step.sync) {
            memory_.sync();
        } else if (++number == cut.write) {
            memory_.tear({number, step.offset, step.bytes}, cut.tearing);
            (void)memory_.exchange_unsynced({});
            return;
        } else {
            memory_.write(step.offset, step.bytes);
        }
    }
    throw RequestError(
        fmt::format("the recovery has {} writes of the memory, and none numbered {}", number, cut.write));
}

/// A passcode that was taken by now, and no try was spent before: said at the first write since.
void CardSearch::tell_of_tries(std::size_t event) {
    for (; judged_events_ < std::min(event, recording_.events.size()); ++judged_events_) {
        if (evidence_.takes_passcode(judged_events_) && !spending_.contains(judged_events_)) {
            unspent_ =
                "the card compared the passcode before it had spent a try: whoever cuts the power in between "
                "tries for nothing";
        }
    }
}

std::vector<CardSearch::Open> CardSearch::cut_first(const MemoryStep& write,
                                                    const std::vector<std::size_t>& tearings,
                                                    std::uint64_t moment, const OnImage& on_first) {
    std::vector<Open> open;
    const CrashMemory::Mark mark = memory_.mark();
    for (const std::size_t tearing : tearings) {
        memory_.tear({write.number, write.offset, write.bytes}, all_tearings().at(tearing));
        ++counts_.images;
        bool is_new = false;
        std::vector<RecoveryStep> recovery;
        const FoundImage found{tearing, {}, consider(moment, is_new, recovery)};
        on_first(found);
        if (!recovery.empty()) {
            open.push_back({memory_.since(mark), found, std::move(recovery)});
        }
        memory_.back_to(mark);
    }
    return open;
}

// --- recoveries

CutEnd CardSearch::cut_recoveries(std::vector<Open> open, std::uint64_t moment, const OnImage& on_recovery) {
    const std::uint64_t begin = counts_.images;
    UnsyncedWrites unsynced = memory_.exchange_unsynced({});
    CutEnd end = CutEnd::whole;
    while (!open.empty() && end == CutEnd::whole) {
        std::vector<Open> next;
        for (const Open& from : open) {
            if (options_.enough && options_.enough()) {
                end = CutEnd::enough;
            } else if (counts_.images - begin > most_images_of_a_write ||
                       from.found.further.size() >= most_cuts_in_a_row) {
                end = CutEnd::endless;
            }
            if (end != CutEnd::whole) {
                break;
            }
            cut_recovery(from, moment, next, on_recovery);
        }
        open = std::move(next);
    }
    (void)memory_.exchange_unsynced(std::move(unsynced));
    return end;
}

/// Each write of it, in every way. What the card does up to there is what it does undisturbed.
void CardSearch::cut_recovery(const Open& from, std::uint64_t moment, std::vector<Open>& next,
                              const OnImage& on_recovery) {
    const CrashMemory::Mark base = memory_.mark();
    memory_.apply(from.patch);
    std::uint64_t number = 0;
    for (const RecoveryStep& step : from.recovery) {
        memory_.set_weak_state(step.weak_state);
        if (step.sync) {
            memory_.sync();
            continue;
        }
        ++number;
        for (const Tearing& tearing : all_tearings()) {
            const CrashMemory::Mark before = memory_.mark();
            memory_.tear({number, step.offset, step.bytes}, tearing);
            ++counts_.images;
            ++counts_.recovery_cuts;
            bool is_new = false;
            std::vector<RecoveryStep> recovery;
            if (const ImageVerdict* const verdict = consider(moment, is_new, recovery); is_new) {
                FoundImage found{from.found.tearing, from.found.further, verdict};
                found.further.push_back({number, tearing});
                counts_.depth = std::max(counts_.depth, static_cast<std::uint32_t>(found.further.size() + 1));
                on_recovery(found);
                if (!recovery.empty()) {
                    next.push_back({memory_.since(base), std::move(found), std::move(recovery)});
                }
            }
            memory_.back_to(before);
        }
        memory_.write(step.offset, step.bytes);
    }
    memory_.sync();
    memory_.back_to(base);
}

const ImageVerdict* CardSearch::consider(std::uint64_t moment, bool& is_new,
                                         std::vector<RecoveryStep>& recovery) {
    is_new = visited_.insert(digests::mixed(memory_.digest(), moment)).second;
    bool is_unknown = false;
    const Seen seen = sights_.look(is_unknown);
    if (!is_unknown) {
        ++counts_.merged;
    }
    if (is_new) {
        recovery = sights_.recovery();
    }
    return &judge(seen.sights, later_sights(seen));
}

/// What a second power-on shows, once the first has repaired what there was to repair.
std::uint32_t CardSearch::later_sights(const Seen& seen) {
    if (seen.recovered == memory_.digest()) {
        return nothing_later;
    }
    const CrashMemory::Mark mark = memory_.mark();
    UnsyncedWrites unsynced = memory_.exchange_unsynced({});
    if (const auto known = sights_.find(seen.recovered)) {
        (void)memory_.exchange_unsynced(std::move(unsynced));
        return known->sights;
    }
    const std::vector<RecoveryStep> recovery = sights_.recovery();
    for (const RecoveryStep& step : recovery) {
        if (!step.sync) {
            memory_.write(step.offset, step.bytes);
        }
    }
    bool is_new = false;
    const Seen later = sights_.look(is_new);
    memory_.back_to(mark);
    (void)memory_.exchange_unsynced(std::move(unsynced));
    return later.sights;
}

// --- what is wrong

const ImageVerdict& CardSearch::judge(std::uint32_t sights, std::uint32_t later) {
    const auto [at, is_new] = verdicts_.try_emplace({sights, later, evidence_now_, unspent_});
    if (!is_new) {
        return at->second;
    }
    ImageVerdict& verdict = at->second;
    promise(verdict, "I6", unspent_.empty() ? std::nullopt : std::optional(unspent_), "");
    const Sight& front = sights_.sights(sights).front();
    verdict.state = front.has_state ? std::optional(front.state) : std::nullopt;
    bool first = true;
    for (const Sight& sight : sights_.sights(sights)) {
        add(verdict, sight, first ? "" : "at another power-on, weak bits reading otherwise: ");
        first = false;
    }
    if (later != nothing_later) {
        for (const Sight& sight : sights_.sights(later)) {
            add(verdict, sight, "at the second power-on, after recovery: ");
        }
    }
    return verdict;
}

void CardSearch::add(ImageVerdict& verdict, const Sight& sight, const std::string& when) const {
    const auto some = [](const std::string& text) {
        return text.empty() ? std::nullopt : std::optional(text);
    };
    promise(verdict, "I1", some(sight.dead), when);
    promise(verdict, "I5", some(sight.wavering), when);
    promise(verdict, "I6", some(sight.open), when);
    if (!sight.has_state) {
        return;
    }
    const StateBook::Entry& state = states_.entry(sight.state);
    promise(verdict, "I2", state.discontinued, when, sight.state);
    promise(verdict, "I4", state.orphaned, when, sight.state);
    promise(verdict, "I5", state.torn, when);
    promise(verdict, "I6", state.open, when);
    promise(verdict, "I6", states_.passcode_trouble(sight.state, evidences_.at(evidence_now_)), when);
}

/// Each once, of each state: what was said first.
void CardSearch::promise(ImageVerdict& verdict, const char* invariant, const std::optional<std::string>& how,
                         const std::string& when, std::optional<std::uint32_t> state) const {
    const bool said = std::ranges::any_of(verdict.broken, [&](const SeenBroken& seen) {
        return seen.promise.invariant == invariant && seen.state == state;
    });
    if (!how || said) {
        return;
    }
    verdict.broken.push_back({{invariant, card_name_, when + *how}, state});
    std::ranges::stable_sort(verdict.broken, {}, [](const SeenBroken& seen) -> const std::string& {
        return seen.promise.invariant;
    });
    const bool mendable = std::string_view(invariant) == "I2" || std::string_view(invariant) == "I4";
    if (!mendable) {
        verdict.outcome = Outcome::violation;
    } else if (verdict.outcome == Outcome::clean) {
        verdict.outcome = Outcome::open;
    }
}

std::uint32_t CardSearch::number_of(const CodeEvidence& evidence) {
    const auto known = std::ranges::find(evidences_, evidence);
    if (known != evidences_.end()) {
        return static_cast<std::uint32_t>(known - evidences_.begin());
    }
    evidences_.push_back(evidence);
    return static_cast<std::uint32_t>(evidences_.size() - 1);
}

} // namespace cardrig::harness
