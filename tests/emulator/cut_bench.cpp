#include "tests/emulator/cut_bench.h"

#include <stdexcept>

#include <fmt/format.h>

namespace cardrig::tests {

using harness::FaultyNvm;

namespace {

std::size_t hash_of(const FaultyNvm::Remains& remains) {
    return std::hash<std::string>{}(fingerprint(remains));
}

} // namespace

emulator::PrivateKey SameKeys::generate(emulator::CryptoContext& context, emulator::Algorithm algorithm) {
    auto known = pkcs8_.find(algorithm);
    if (known == pkcs8_.end()) {
        known = pkcs8_.emplace(algorithm, make_key(algorithm)).first;
    }
    return emulator::PrivateKey::from_der(context, known->second).value();
}

CutBench::CutBench(const Setup& setup, const CardStep& prepare)
    : recovers_(setup.config.protection != emulator::Protection::none), memory_(setup.config.geometry),
      session_(setup, &keys_) {
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

CutBench::Undisturbed CutBench::undisturbed(const CardStep& begin, const std::vector<CardStep>& steps,
                                            const Decorate& decorate) {
    start(begin, decorate);
    const std::uint64_t first = faulty_.writes();
    Undisturbed run{{state()}, {}};
    for (const CardStep& step : steps) {
        step(session_);
        run.states.push_back(state());
        run.writes.push_back(faulty_.writes() - first);
    }
    return run;
}

std::vector<std::string> CutBench::sweep(const CardStep& begin, const std::vector<CardStep>& steps,
                                         const Check& check, const Decorate& decorate,
                                         const Decorate& in_recovery) {
    violations_.clear();
    const bool with_recoveries = recovers_ && !decorate;
    const Undisturbed run = undisturbed(begin, steps, decorate);
    for (std::size_t in = 0; in < steps.size(); ++in) {
        left_.clear();
        settled_.clear();
        cut_ = {in, {}, run.states[in], run.states[in + 1]};
        for (std::uint64_t write = in == 0 ? 1 : run.writes[in - 1] + 1; write <= run.writes[in]; ++write) {
            for (const harness::Tearing& tearing : harness::all_tearings()) {
                cut_.place = fmt::format("step {} write #{} {}", in, write, tearing.text());
                start(begin, decorate);
                faulty_.cut_at(write, tearing);
                lose_power_in(steps);
                ++cuts_;
                if (!with_recoveries) {
                    look(check);
                } else if (left_.insert(hash_of(remains_)).second) {
                    look(check);
                    cut_recoveries(check, in_recovery);
                }
            }
        }
    }
    return violations_;
}

void CutBench::lose_power_in(const std::vector<CardStep>& steps) {
    bool gone = false;
    try {
        for (const CardStep& step : steps) {
            step(session_);
        }
    } catch (const harness::PowerCut&) {
        gone = true;
    }
    if (!gone) {
        throw std::runtime_error(cut_.place + ": there are fewer writes than there were");
    }
    lose_power();
}

void CutBench::lose_power() {
    session_.power_off();
    decorated_.reset();
    remains_ = faulty_.remains();
}

/// Cuts the recovery from what is left, and the recovery from that, until nothing comes of it that was not
/// there before. Where a recovery gets to is looked at once: what it came from makes no difference any more.
void CutBench::cut_recoveries(const Check& check, const Decorate& in_recovery) {
    std::vector<Left> open{{remains_, cut_.place}};
    while (!open.empty()) {
        const Left from = std::move(open.back());
        open.pop_back();
        remains_ = from.remains;
        cut_.place = from.place;
        const std::uint64_t before = faulty_.writes();
        if (!power_on_again(cut_)) {
            continue;
        }
        session_.power_off();
        const std::uint64_t writes = faulty_.writes() - before;
        if (settled_.insert(hash_of(faulty_.remains())).second) {
            look(check);
        }
        for (std::uint64_t write = 1; write <= writes; ++write) {
            cut_recovery(from, write, in_recovery, open);
        }
    }
}

void CutBench::cut_recovery(const Left& from, std::uint64_t write, const Decorate& in_recovery,
                            std::vector<Left>& open) {
    for (const harness::Tearing& tearing : harness::all_tearings()) {
        session_.power_off();
        faulty_.restore(from.remains);
        decorated_ = in_recovery ? in_recovery(faulty_) : nullptr;
        faulty_.cut_at(write, tearing);
        try {
            (void)session_.power_on(decorated_ ? *decorated_ : faulty_);
        } catch (const harness::PowerCut&) {
            ++cuts_of_recoveries_;
            FaultyNvm::Remains left = faulty_.remains();
            if (left_.insert(hash_of(left)).second) {
                open.push_back({std::move(left),
                                fmt::format("{}, recovery write #{} {}", from.place, write, tearing.text())});
            }
        }
    }
}

void CutBench::look(const Check& check) {
    try {
        if (power_on_again(cut_)) {
            check(cut_);
        }
    } catch (const UnexpectedAnswer& error) {
        expect(false, cut_, fmt::format("I1 {}", error.what()));
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
