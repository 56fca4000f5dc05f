#include "harness/sweep/card_sight.h"

#include <algorithm>
#include <utility>

namespace cardrig::harness {

namespace {

/// Enough for a bit that reads either way to be seen as both, with odds of 7 in 8.
constexpr int looks_at_weak_bits = 4;

/// Whether the passcode counts as verified without anybody having shown it: a question that changes nothing.
const char* verified_unasked(emulator::Card& card) {
    const auto asked = [&card](std::uint8_t reference) {
        const apdu::CommandApdu query(0x00, 0x20, 0x00, reference);
        const auto answer = apdu::ResponseApdu::parse(card.transmit(query.encode()));
        return answer && answer->status.ok();
    };
    if (asked(0x80)) {
        return "after the power was lost, the passcode still counts as verified";
    }
    if (asked(0x00)) {
        return "after the power was lost, the global passcode still counts as verified";
    }
    return "";
}

/// Puts the memory back as it was, and what was not synced then.
class Excursion final {
public:
    explicit Excursion(CrashMemory& memory)
        : memory_(memory), mark_(memory.mark()), unsynced_(memory.exchange_unsynced({})) {}
    Excursion(const Excursion&) = delete;
    Excursion& operator=(const Excursion&) = delete;
    ~Excursion() {
        memory_.log_to(nullptr);
        memory_.back_to(mark_);
        (void)memory_.exchange_unsynced(std::move(unsynced_));
    }
    /// Again from the beginning, but that weak bits read on.
    void again() {
        const std::uint64_t state = memory_.weak().state;
        memory_.back_to(mark_);
        memory_.set_weak_state(state);
        (void)memory_.exchange_unsynced({});
    }
    [[nodiscard]] bool weak_bits_mattered() const { return memory_.weak().state != mark_.weak.state; }

private:
    CrashMemory& memory_;
    CrashMemory::Mark mark_;
    UnsyncedWrites unsynced_;
};

} // namespace

Seen SightBook::look(bool& is_new) {
    const std::uint64_t digest = memory_.digest();
    if (const auto known = seen_.find(digest); known != seen_.end()) {
        is_new = false;
        return known->second;
    }
    is_new = true;
    Excursion excursion(memory_);
    Seen seen;
    last_image_ = {digest, memory_.weak().state};
    last_recovery_.clear();
    std::vector<Sight> sights{power_on(seen.recovered, &last_recovery_)};
    for (int look = 1; look < looks_at_weak_bits && excursion.weak_bits_mattered(); ++look) {
        excursion.again();
        std::uint64_t ignored = 0;
        Sight sight = power_on(ignored, nullptr);
        if (std::ranges::find(sights, sight) == sights.end()) {
            sights.push_back(std::move(sight));
        }
    }
    seen.sights = number_of(std::move(sights));
    seen_.emplace(digest, seen);
    return seen;
}

const std::vector<RecoveryStep>& SightBook::recovery() {
    const std::pair image(memory_.digest(), memory_.weak().state);
    if (last_image_ != image) {
        const Excursion excursion(memory_);
        last_image_ = image;
        last_recovery_.clear();
        memory_.log_to(&last_recovery_);
        (void)power_.on(memory_, config_);
    }
    return last_recovery_;
}

Sight SightBook::power_on(std::uint64_t& recovered, std::vector<RecoveryStep>* log) {
    Sight sight;
    memory_.log_to(log);
    const CardPower::Powered powered = power_.on(memory_, config_);
    memory_.log_to(nullptr);
    recovered = memory_.digest();
    if (!powered.card) {
        sight.dead = "the card stays mute: " + powered.card.error().message;
        return sight;
    }
    use(**powered.card, sight);
    return sight;
}

void SightBook::use(emulator::Card& card, Sight& sight) {
    sight.open = verified_unasked(card);
    const StoreContents contents = StoreContents::of(card.store());
    if (!memory_.weak().masks.empty() && StoreContents::of(card.store()) != contents) {
        sight.wavering = "an object reads differently each time";
    }
    sight.state = states_.number(card, contents);
    sight.has_state = true;
    sight.dead = unusable(card, config_).value_or("");
}

std::uint32_t SightBook::number_of(std::vector<Sight> sights) {
    const auto [at, is_new] =
        numbers_.try_emplace(std::move(sights), static_cast<std::uint32_t>(sights_.size()));
    if (is_new) {
        sights_.push_back(&at->first);
    }
    return at->second;
}

} // namespace cardrig::harness
