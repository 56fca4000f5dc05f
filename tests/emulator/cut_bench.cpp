#include "tests/emulator/cut_bench.h"

#include <stdexcept>

#include <fmt/format.h>

namespace cardrig::tests {

CutBench::CutBench(const Setup& setup, const CardStep& prepare)
    : memory_(setup.config.geometry), session_(setup, &keys_) {
    personalise(memory_, setup);
    prepared_ = faulty_.remains();
    start(prepare);
    session_.power_off();
    prepared_ = faulty_.remains();
}

void CutBench::start(const CardStep& begin, const Decorate& decorate) {
    session_.power_off();
    faulty_.restore(prepared_);
    decorated_ = decorate ? decorate(faulty_) : nullptr;
    if (const auto on = session_.power_on(decorated_ ? *decorated_ : faulty_); !on) {
        throw std::runtime_error(on.error().message);
    }
    begin(session_);
}

StoreState CutBench::state() {
    return state_of(session_.card().store());
}

/// What memory holds before the first step and after each.
std::vector<StoreState> CutBench::undisturbed(const CardStep& begin, const std::vector<CardStep>& steps,
                                              const Decorate& decorate) {
    start(begin, decorate);
    const std::uint64_t first = faulty_.writes();
    std::vector<StoreState> states{state()};
    writes_.clear();
    for (const CardStep& step : steps) {
        step(session_);
        states.push_back(state());
        writes_.push_back(faulty_.writes() - first);
    }
    return states;
}

std::uint64_t CutBench::sweep(const CardStep& begin, const std::vector<CardStep>& steps, const Check& check,
                              const Decorate& decorate) {
    const std::vector<StoreState> states = undisturbed(begin, steps, decorate);
    const std::vector<std::uint64_t> last_writes = writes_;
    std::uint64_t cuts = 0;
    for (std::size_t in = 0; in < steps.size(); ++in) {
        for (std::uint64_t write = in == 0 ? 1 : last_writes[in - 1] + 1; write <= last_writes[in]; ++write) {
            for (const harness::Tearing& tearing : harness::all_tearings()) {
                const Cut cut{in, fmt::format("step {} write #{} {}", in, write, tearing.text()), states[in],
                              states[in + 1]};
                start(begin, decorate);
                faulty_.cut_at(write, tearing);
                lose_power(steps, cut);
                ++cuts;
                look(cut, check);
            }
        }
    }
    return cuts;
}

void CutBench::lose_power(const std::vector<CardStep>& steps, const Cut& cut) {
    bool gone = false;
    try {
        for (const CardStep& step : steps) {
            step(session_);
        }
    } catch (const harness::PowerCut&) {
        gone = true;
    }
    if (!gone) {
        throw std::runtime_error(cut.place + ": there are fewer writes than there were");
    }
    session_.power_off();
    decorated_.reset();
    remains_ = faulty_.remains();
}

void CutBench::look(const Cut& cut, const Check& check) {
    try {
        if (power_on_again(cut)) {
            check(cut);
        }
    } catch (const std::runtime_error& error) {
        expect(false, cut, error.what());
    }
}

void CutBench::expect(bool kept, const Cut& cut, std::string_view promise) {
    if (!kept) {
        violations_.push_back(fmt::format("{}: {}", cut.place, promise));
    }
}

bool CutBench::power_on_again(const Cut& cut) {
    session_.power_off();
    faulty_.restore(remains_);
    if (const auto on = session_.power_on(faulty_); !on) {
        expect(false, cut, fmt::format("I1 mute: {}", on.error().message));
        return false;
    }
    return true;
}

} // namespace cardrig::tests
