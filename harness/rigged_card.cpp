#include "harness/rigged_card.h"

#include "harness/rigged_card_parts.h"

#include <stdexcept>
#include <utility>

namespace cardrig::harness {

/// Somebody does something with the card. What the power's failing left to do is done before and afterwards.
class RiggedCard::Entry {
public:
    explicit Entry(Parts& parts) : parts_(parts), lock_(parts.mutex) {
        if (parts_.depth == 0) {
            parts_.settle();
        }
        ++parts_.depth;
    }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    ~Entry() {
        --parts_.depth;
        if (parts_.depth == 0) {
            parts_.settle();
        }
    }

    /// Not from within a function that the card calls: it is in the middle of a command.
    Entry& alone() {
        if (parts_.depth != 1) {
            throw std::logic_error("a card's command, power or reset from within its own fault");
        }
        return *this;
    }

private:
    Parts& parts_;
    const std::scoped_lock<std::recursive_timed_mutex> lock_;
};

RiggedCard::RiggedCard(int reader, emulator::CardImage image, std::optional<std::uint64_t> seed, Trace& trace,
                       std::string name)
    : parts_(std::make_unique<Parts>(*this, reader, std::move(image), seed, trace, std::move(name))) {}

RiggedCard::~RiggedCard() = default;

void RiggedCard::set_reader(int index) {
    parts_->next_reader = index;
}

void RiggedCard::set_world(World* world) {
    const std::scoped_lock lock(parts_->callbacks_mutex);
    parts_->world = world;
}

void RiggedCard::set_on_fault(std::function<void(const Fault&)> on_fault) {
    const std::scoped_lock lock(parts_->callbacks_mutex);
    parts_->on_fault = std::move(on_fault);
}

void RiggedCard::set_on_memory(std::function<void(const MemoryAccess&)> on_memory) {
    const std::scoped_lock lock(parts_->callbacks_mutex);
    parts_->on_memory = std::move(on_memory);
}

void RiggedCard::plan(std::vector<Fault> faults) {
    parts_->faults.plan(std::move(faults), parts_->clock.used());
    parts_->clock.look_again();
}

std::uint64_t RiggedCard::add(Fault fault) {
    const std::uint64_t id = fault.id;
    parts_->faults.add(std::move(fault), parts_->clock.used());
    parts_->clock.look_again();
    return id;
}

std::vector<Fault> RiggedCard::forget() {
    return parts_->faults.forget();
}

void RiggedCard::forget(std::uint64_t id) {
    parts_->faults.remove(id);
}

std::vector<Fault> RiggedCard::pending_faults() const {
    return parts_->faults.pending();
}

void RiggedCard::fill_memory(std::uint32_t leaving) {
    Entry entry(*parts_);
    entry.alone();
    if (parts_->card) {
        parts_->fill(leaving);
    } else {
        parts_->fill_later = leaving;
    }
}

bool RiggedCard::fill_memory(std::uint32_t leaving, std::chrono::milliseconds limit) {
    const std::unique_lock free(parts_->mutex, limit);
    if (free) {
        fill_memory(leaving);
    }
    return free.owns_lock();
}

void RiggedCard::power_on() {
    Entry entry(*parts_);
    entry.alone();
    parts_->reader = parts_->next_reader;
    parts_->start();
}

std::optional<Mute> RiggedCard::mute() const {
    const Entry entry(*parts_);
    return parts_->mute;
}

void RiggedCard::power_off() {
    Entry entry(*parts_);
    entry.alone();
    parts_->switch_off();
}

void RiggedCard::reset() {
    Entry entry(*parts_);
    entry.alone();
    parts_->reset();
}

bool RiggedCard::reset_powered(std::chrono::milliseconds limit) {
    const std::unique_lock free(parts_->mutex, limit);
    if (!free) {
        return false;
    }
    Entry entry(*parts_);
    entry.alone();
    if (parts_->card && !parts_->nvm.failing()) {
        parts_->reset();
    }
    return true;
}

// These two without the lock: a command that waits holds it.
Bytes RiggedCard::atr() {
    return powered() ? parts_->config.atr : Bytes{};
}

bool RiggedCard::powered() const {
    return parts_->alive && !parts_->nvm.failing();
}

bool RiggedCard::lost_power() const {
    const Entry entry(*parts_);
    return parts_->lost;
}

Answer RiggedCard::transmit(ByteView command) {
    if (!parts_->announce()) { // nobody sees this
        return Bytes{apdu::sw::no_precise_diagnosis.sw1(), apdu::sw::no_precise_diagnosis.sw2()};
    }
    Entry entry(*parts_);
    entry.alone();
    return parts_->transmit(command);
}

void RiggedCard::hurry() {
    parts_->clock.stop();
}

void RiggedCard::set_forsaken(bool forsaken) {
    parts_->forsaken = forsaken;
    parts_->clock.set_hastened(forsaken);
}

void RiggedCard::set_clock_offset(std::chrono::seconds offset) {
    parts_->clock.set_offset(offset);
}

void RiggedCard::lose_power() {
    parts_->fail_power();
    // While it does something, it is this very thread that does (a fault of its own), or another, and that
    // one settles it.
    const std::unique_lock lock(parts_->mutex, std::try_to_lock);
    if (lock && parts_->depth == 0) {
        parts_->settle();
    }
}

void RiggedCard::rewind(emulator::CardImage image, std::uint64_t seed) {
    Entry entry(*parts_);
    entry.alone();
    parts_->rewind(std::move(image), seed);
}

emulator::CardImage RiggedCard::image() const {
    const Entry entry(*parts_);
    return {parts_->config, parts_->memory.bytes(), parts_->memory.weak()};
}

std::uint64_t RiggedCard::writes() const {
    return parts_->nvm.writes();
}

} // namespace cardrig::harness
