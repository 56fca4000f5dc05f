#include "harness/sweep/run_recorder.h"

#include <algorithm>

namespace cardrig::harness {

namespace {

/// The command that is under way: the next one of that card that is added. `from`: an index.
std::size_t next_command(const std::vector<TraceEvent>& events, std::size_t from, const std::string& card) {
    const auto begin = events.begin() + static_cast<std::ptrdiff_t>(std::min(from, events.size()));
    const auto found = std::find_if(begin, events.end(), [&](const TraceEvent& event) {
        return event.kind == "apdu" && event.fields.value("card", "") == card;
    });
    return static_cast<std::size_t>(found - events.begin());
}

} // namespace

RunRecorder::RunRecorder(ScenarioStage& stage)
    : stage_(stage), authority_{stage.authority().authority().state()} {
    for (std::size_t i = 0; i < stage.cards().size(); ++i) {
        stage.cards().card(i).set_on_memory([this, i](const MemoryAccess& access) { hear(i, access); });
    }
    stage.authority().set_on_request([this] {
        AuthorityState now = stage_.authority().authority().state();
        const std::scoped_lock lock(mutex_);
        authority_.push_back(std::move(now));
    });
}

RunRecorder::~RunRecorder() {
    for (std::size_t i = 0; i < stage_.cards().size(); ++i) {
        stage_.cards().card(i).set_on_memory({});
    }
    stage_.authority().set_on_request({});
}

void RunRecorder::hear(std::size_t card, const MemoryAccess& access) {
    Heard heard;
    heard.step.kind = access.write == 0 ? MemoryStep::Kind::sync : MemoryStep::Kind::write;
    heard.step.card = card;
    heard.step.number = access.write;
    heard.step.offset = access.offset;
    heard.step.bytes.assign(access.bytes.begin(), access.bytes.end());
    heard.in_command = access.in_command;
    heard.events = stage_.trace().size();
    const std::scoped_lock lock(mutex_);
    heard.step.requests = authority_.size() - 1;
    heard_.push_back(std::move(heard));
}

std::vector<MemoryStep> RunRecorder::steps(const std::vector<TraceEvent>& events) const {
    const std::scoped_lock lock(mutex_);
    const std::size_t first = events.empty() ? 0 : events.front().number - 1;
    std::vector<MemoryStep> steps;
    for (const Heard& heard : heard_) {
        MemoryStep step = heard.step;
        step.event = events.size();
        if (heard.in_command && heard.events >= first) {
            step.event = next_command(events, heard.events - first, stage_.cards().shown_name(step.card));
        }
        steps.push_back(std::move(step));
    }
    return steps;
}

std::vector<AuthorityState> RunRecorder::authority() const {
    const std::scoped_lock lock(mutex_);
    return authority_;
}

} // namespace cardrig::harness
