#include "harness/fault_plan.h"

#include <utility>

namespace cardrig::harness {

namespace {

bool names(const Place& place, const apdu::DecodedCommand& command) {
    return place.command == command.name && (place.object.empty() || place.object == command.object);
}

} // namespace

void FaultPlan::plan(std::vector<Fault> faults) {
    planned_.clear();
    for (Fault& fault : faults) {
        planned_.push_back({std::move(fault)});
    }
}

std::vector<Fault> FaultPlan::pending() const {
    std::vector<Fault> faults;
    for (const Planned& planned : planned_) {
        if (!planned.done) {
            faults.push_back(planned.fault);
        }
    }
    return faults;
}

void FaultPlan::begin(const apdu::DecodedCommand& command) {
    current_ = command;
    for (Planned& planned : planned_) {
        // A whole chain is one occurrence: its first block begins it.
        if (names(planned.fault.place, command) && command.block == 1) {
            ++planned.seen;
            planned.writes = 0;
        }
    }
}

void FaultPlan::end() {
    current_.reset();
}

bool FaultPlan::meant(const Planned& planned) const {
    return !planned.done && current_ && names(planned.fault.place, *current_) &&
           planned.seen == planned.fault.place.occurrence;
}

std::optional<Fault> FaultPlan::due(Moment moment) {
    for (Planned& planned : planned_) {
        const Place& place = planned.fault.place;
        if (!meant(planned) || place.write || place.moment != moment) {
            continue;
        }
        const bool whole = moment == Moment::before ? current_->block == 1 : current_->last_block;
        if (place.block ? *place.block == current_->block : whole) {
            planned.done = true;
            return planned.fault;
        }
    }
    return std::nullopt;
}

std::optional<Fault> FaultPlan::before() {
    return due(Moment::before);
}

std::optional<Fault> FaultPlan::after() {
    return due(Moment::after);
}

std::optional<Fault> FaultPlan::write(std::uint64_t number) {
    std::optional<Fault> found;
    for (Planned& planned : planned_) {
        const Place& place = planned.fault.place;
        if (!place.write || planned.done) {
            continue;
        }
        std::uint64_t counted = number;
        if (!place.command.empty()) {
            if (!meant(planned) || (place.block && *place.block != current_->block)) {
                continue;
            }
            counted = ++planned.writes;
        }
        if (counted == *place.write && !found) {
            planned.done = true;
            found = planned.fault;
        }
    }
    return found;
}

} // namespace cardrig::harness
