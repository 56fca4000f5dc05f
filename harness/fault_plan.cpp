#include "harness/fault_plan.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace cardrig::harness {

namespace {

constexpr std::string_view any_command = "any";

bool names(const Place& place, const apdu::DecodedCommand& command) {
    return (place.command == any_command || place.command == command.name) &&
           (place.object.empty() || place.object == command.object);
}

} // namespace

void FaultPlan::plan(std::vector<Fault> faults, std::chrono::microseconds used) {
    const std::scoped_lock lock(mutex_);
    planned_.clear();
    for (Fault& fault : faults) {
        planned_.push_back({std::move(fault), used});
    }
}

void FaultPlan::add(Fault fault, std::chrono::microseconds used) {
    const std::scoped_lock lock(mutex_);
    planned_.push_back({std::move(fault), used});
}

std::vector<Fault> FaultPlan::forget() {
    const std::scoped_lock lock(mutex_);
    std::vector<Fault> faults;
    for (Planned& planned : std::exchange(planned_, {})) {
        faults.push_back(std::move(planned.fault));
    }
    return faults;
}

void FaultPlan::remove(std::uint64_t id) {
    const std::scoped_lock lock(mutex_);
    std::erase_if(planned_, [id](const Planned& planned) { return planned.fault.id == id; });
}

std::vector<Fault> FaultPlan::pending() const {
    const std::scoped_lock lock(mutex_);
    std::vector<Fault> faults;
    for (const Planned& planned : planned_) {
        faults.push_back(planned.fault);
    }
    return faults;
}

void FaultPlan::begin(const apdu::DecodedCommand& command) {
    const std::scoped_lock lock(mutex_);
    current_ = command;
    for (Planned& planned : planned_) {
        // A whole chain is one occurrence: its first block begins it.
        if (names(planned.fault.place, command) && command.block == 1) {
            ++planned.seen;
            planned.writes = 0;
        }
    }
}

std::optional<std::chrono::microseconds> FaultPlan::next_time() const {
    const std::scoped_lock lock(mutex_);
    std::optional<std::chrono::microseconds> next;
    for (const Planned& planned : planned_) {
        const Place& place = planned.fault.place;
        if (place.where == Where::card_time) {
            const auto due = planned.used + place.time;
            next = next ? std::min(*next, due) : due;
        }
    }
    return next;
}

std::vector<Fault> FaultPlan::at_time(std::chrono::microseconds used) {
    const std::scoped_lock lock(mutex_);
    std::vector<Fault> found;
    for (Planned& planned : planned_) {
        const Place& place = planned.fault.place;
        if (place.where == Where::card_time && planned.used + place.time <= used) {
            planned.done = true;
            found.push_back(planned.fault);
        }
    }
    std::erase_if(planned_, [](const Planned& planned) { return planned.done; });
    return found;
}

void FaultPlan::end() {
    const std::scoped_lock lock(mutex_);
    current_.reset();
}

bool FaultPlan::meant(const Planned& planned) const {
    return current_ && names(planned.fault.place, *current_) &&
           planned.seen == planned.fault.place.occurrence;
}

std::vector<Fault> FaultPlan::due(Moment moment) {
    const std::scoped_lock lock(mutex_);
    std::vector<Fault> found;
    for (Planned& planned : planned_) {
        const Place& place = planned.fault.place;
        if (!meant(planned) || place.write || place.moment != moment) {
            continue;
        }
        const bool whole = moment == Moment::before ? current_->block == 1 : current_->last_block;
        if (place.block ? *place.block == current_->block : whole) {
            planned.done = true;
            found.push_back(planned.fault);
        }
    }
    std::erase_if(planned_, [](const Planned& planned) { return planned.done; });
    return found;
}

std::vector<Fault> FaultPlan::before() {
    return due(Moment::before);
}

std::vector<Fault> FaultPlan::after() {
    return due(Moment::after);
}

std::vector<Fault> FaultPlan::write(std::uint64_t number) {
    const std::scoped_lock lock(mutex_);
    std::vector<Fault> found;
    for (Planned& planned : planned_) {
        const Place& place = planned.fault.place;
        if (!place.write) {
            continue;
        }
        std::uint64_t counted = number;
        if (!place.command.empty()) {
            if (!meant(planned) || (place.block && *place.block != current_->block)) {
                continue;
            }
            counted = ++planned.writes;
        }
        if (counted == *place.write) {
            planned.done = true;
            found.push_back(planned.fault);
        }
    }
    std::erase_if(planned_, [](const Planned& planned) { return planned.done; });
    return found;
}

} // namespace cardrig::harness
