#include "harness/hand/output_plan.h"

#include "harness/patterns.h"

#include <algorithm>
#include <utility>

namespace cardrig::harness {

namespace {

/// What is longer is no line that somebody waits for.
constexpr std::size_t longest_line = 64UL << 10U;

} // namespace

void OutputPlan::add(Fault fault) {
    std::regex pattern = compile_pattern(fault.place.pattern);
    planned_.push_back({std::move(fault), std::move(pattern)});
}

std::vector<Fault> OutputPlan::forget() {
    std::vector<Fault> faults;
    for (Planned& planned : std::exchange(planned_, {})) {
        faults.push_back(std::move(planned.fault));
    }
    end_line();
    return faults;
}

void OutputPlan::remove(std::uint64_t id) {
    std::erase_if(planned_, [id](const Planned& planned) { return planned.fault.id == id; });
}

std::vector<Fault> OutputPlan::hear(std::string_view text) {
    std::vector<Fault> due;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
        if (line_.size() < longest_line) {
            line_ += text.substr(0, end);
        }
        look(due);
        if (end == text.size()) {
            break;
        }
        end_line();
        text.remove_prefix(end + 1);
    }
    return due;
}

void OutputPlan::look(std::vector<Fault>& due) {
    if (line_.empty()) {
        return;
    }
    for (Planned& planned : planned_) {
        if (planned.in_this || !matches_some_line(line_, planned.pattern)) {
            continue;
        }
        planned.in_this = true;
        if (++planned.seen == planned.fault.place.occurrence) {
            planned.done = true;
            due.push_back(planned.fault);
        }
    }
    std::erase_if(planned_, [](const Planned& planned) { return planned.done; });
}

void OutputPlan::end_line() {
    line_.clear();
    for (Planned& planned : planned_) {
        planned.in_this = false;
    }
}

} // namespace cardrig::harness
