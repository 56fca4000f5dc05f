#include "tests/emulator/store_sweep.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

namespace cardrig::tests {

using namespace emulator;
using harness::FaultyNvm;
using harness::PowerCut;
using harness::Tearing;

StoreState state_of(const ObjectStore& store) {
    StoreState state;
    for (const ObjectId id : store.objects()) {
        state.objects[id] = store.read(id).value();
    }
    for (std::uint8_t i = 0; i < 16; ++i) {
        state.counters.at(i) = store.counter(CounterId{i});
    }
    return state;
}

std::string fingerprint(const FaultyNvm::Remains& remains) {
    Bytes memory = remains.memory;
    std::string text;
    for (const auto& [offset, mask] : remains.weak) {
        memory[offset] = static_cast<std::uint8_t>(memory[offset] & ~mask);
        text += fmt::format("{}:{} ", offset, mask);
    }
    text.append(memory.begin(), memory.end());
    return text;
}

namespace {

/// Weak bits read otherwise with each seed: what one reading hides, another shows.
const std::vector<Tearing>& sweep_tearings() {
    static const std::vector<Tearing> all = [] {
        std::vector<Tearing> tearings = harness::all_tearings();
        for (std::uint64_t seed = 2; seed <= 4; ++seed) {
            tearings.push_back({harness::TearingModel::weak_bits, {}, seed});
        }
        return tearings;
    }();
    return all;
}

/// Keeps what is written until it is synced: a chip that puts off its writes may do them in any order, so
/// that a power cut can take one of them and leave those that came after it.
class PendingWrites final : public Nvm {
public:
    explicit PendingWrites(FaultyNvm& inner) : inner_(inner), synced_(inner.remains()) {}
    [[nodiscard]] NvmGeometry geometry() const override { return inner_.geometry(); }
    void read(std::uint32_t offset, std::span<std::uint8_t> out) const override { inner_.read(offset, out); }
    void write(std::uint32_t offset, ByteView bytes) override {
        pending_.emplace_back(offset, Bytes(bytes.begin(), bytes.end()));
        inner_.write(offset, bytes);
    }
    void sync() override {
        inner_.sync();
        if (!pending_.empty()) {
            pending_.clear();
            synced_ = inner_.remains();
        }
    }

    /// After a cut: how many writes were pending before the one that was cut.
    [[nodiscard]] std::size_t earlier() const { return pending_.empty() ? 0 : pending_.size() - 1; }
    /// What is left where all of them were done, the cut one too, but not the n-th.
    [[nodiscard]] FaultyNvm::Remains without(std::size_t n) const {
        inner_.restore(synced_);
        for (std::size_t i = 0; i < pending_.size(); ++i) {
            if (i != n) {
                inner_.write(pending_[i].first, pending_[i].second);
            }
        }
        return inner_.remains();
    }

private:
    FaultyNvm& inner_;
    FaultyNvm::Remains synced_;
    std::vector<std::pair<std::uint32_t, Bytes>> pending_;
};

/// What a cut left, and what a card may show over it.
struct Case {
    FaultyNvm::Remains remains;
    std::vector<StoreState> allowed;
    std::string replay;
    bool probed = false; ///< the cut was of the work after a recovery
};

class Sweeper {
public:
    explicit Sweeper(const Sweep& sweep) : sweep_(sweep), memory_(sweep.geometry), nvm_(memory_) {}

    SweepReport run() {
        format();
        std::vector<Case> frontier = first_cuts(nvm_.remains(), sweep_.steps, "");
        for (unsigned depth = 1; !frontier.empty() && depth <= sweep_.depth; ++depth) {
            report_.states.push_back(frontier.size());
            frontier = recover_all(frontier, depth < sweep_.depth);
        }
        report_.exhausted = frontier.empty() && report_.states.size() < sweep_.depth;
        return std::move(report_);
    }

private:
    void format() {
        nvm_.power_on();
        const std::unique_ptr<Nvm> decorated = sweep_.decorate ? sweep_.decorate(nvm_) : nullptr;
        // The store is laid out for the geometry that it sees, on memory that loses nothing yet.
        const NvmGeometry seen = decorated ? decorated->geometry() : sweep_.geometry;
        MemoryNvm memory{seen};
        static_cast<void>(ObjectStore::format(memory, sweep_.protection).value());
        memory_.bytes() = memory.bytes();
    }

    /// A power-on: the card's side of the memory, and the store that it mounts.
    struct Session {
        std::unique_ptr<Nvm> nvm;
        Result<std::unique_ptr<ObjectStore>> store;
    };
    Session power_on() {
        nvm_.power_on();
        return mount();
    }
    Session mount() { return mount(nvm_); }
    Session mount(Nvm& memory) {
        std::unique_ptr<Nvm> decorated = sweep_.decorate ? sweep_.decorate(memory) : nullptr;
        Nvm& nvm = decorated ? *decorated : memory;
        auto store = ObjectStore::mount(nvm);
        return {std::move(decorated), std::move(store)};
    }

    /// Whether a case was not met before.
    bool is_new(const Case& candidate, const std::string& stage) {
        std::string key = stage + fingerprint(candidate.remains);
        for (const StoreState& state : candidate.allowed) {
            key += fmt::format("|{}", number_of(state));
        }
        return seen_.insert(std::move(key)).second;
    }
    std::size_t number_of(const StoreState& state) {
        const auto found = std::ranges::find(numbered_, state);
        if (found != numbered_.end()) {
            return static_cast<std::size_t>(found - numbered_.begin());
        }
        numbered_.push_back(state);
        return numbered_.size() - 1;
    }

    void violation(const std::string& replay, const std::string& what) {
        if (report_.violations.size() < sweep_.enough) {
            report_.violations.push_back(fmt::format("{}: {}", replay, what));
        }
    }
    [[nodiscard]] bool enough() const { return report_.violations.size() >= sweep_.enough; }

    /// The states before the steps and after each of them, where nothing is cut.
    std::vector<StoreState> undisturbed(const FaultyNvm::Remains& start, const std::vector<Step>& steps) {
        nvm_.restore(start);
        const Session session = mount();
        ObjectStore& store = *session.store.value();
        std::vector<StoreState> states{state_of(store)};
        for (const Step& step : steps) {
            step(store);
            states.push_back(state_of(store));
        }
        return states;
    }

    /// Runs the steps from `start` in one power session, cut at each write in each way.
    std::vector<Case> first_cuts(const FaultyNvm::Remains& start, const std::vector<Step>& steps,
                                 const std::string& replay) {
        const std::vector<StoreState> states = undisturbed(start, steps);
        std::vector<Case> cases;
        for (const Tearing& tearing : sweep_tearings()) {
            for (std::uint64_t write = 1; !enough(); ++write) {
                auto cut = cut_steps(start, steps, states, write, tearing);
                if (!cut) {
                    break;
                }
                cut->replay = fmt::format("{}write #{} {}", replay, write, tearing.text());
                if (is_new(*cut, "cut ")) {
                    cases.push_back(std::move(*cut));
                }
            }
        }
        for (std::uint64_t write = 1; !enough() && lose_each(start, steps, states, write, replay, cases);
             ++write) {
        }
        return cases;
    }

    /// Cuts at that write, which is done all the same, while one earlier write since the last sync is not;
    /// each of them in turn. False where the steps end before that write.
    bool lose_each(const FaultyNvm::Remains& start, const std::vector<Step>& steps,
                   const std::vector<StoreState>& states, std::uint64_t write, const std::string& replay,
                   std::vector<Case>& cases) {
        nvm_.restore(start);
        PendingWrites pending(nvm_);
        std::size_t done = 0;
        try {
            const Session session = mount(pending);
            nvm_.cut_at(write, {harness::TearingModel::atomic_page});
            for (const Step& step : steps) {
                step(*session.store.value());
                ++done;
            }
            nvm_.cancel_cut();
            return false;
        } catch (const PowerCut&) {
            const Case cut{{}, {states[done], states[done + 1]}, replay, false};
            add_lost(pending, cut, fmt::format("write #{}", write), cases);
            return true;
        }
    }

    void add_lost(const PendingWrites& pending, const Case& cut, const std::string& at,
                  std::vector<Case>& cases) {
        for (std::size_t lost = 0; lost < pending.earlier(); ++lost) {
            ++report_.cuts;
            Case left = cut;
            left.remains = pending.without(lost);
            left.replay += fmt::format("{} one-lost {}", at, lost + 1);
            if (is_new(left, "cut ")) {
                cases.push_back(std::move(left));
            }
        }
    }

    /// None where the steps end before that write.
    std::optional<Case> cut_steps(const FaultyNvm::Remains& start, const std::vector<Step>& steps,
                                  const std::vector<StoreState>& states, std::uint64_t write,
                                  const Tearing& tearing) {
        nvm_.restore(start);
        std::size_t done = 0;
        try {
            const Session session = mount();
            nvm_.cut_at(write, tearing);
            for (const Step& step : steps) {
                step(*session.store.value());
                ++done;
            }
            nvm_.cancel_cut();
            return std::nullopt;
        } catch (const PowerCut&) {
            ++report_.cuts;
            return Case{nvm_.remains(), {states[done], states[done + 1]}, {}, false};
        }
    }

    std::vector<Case> recover_all(const std::vector<Case>& frontier, bool go_on) {
        std::vector<Case> next;
        for (const Case& found : frontier) {
            if (enough()) {
                break;
            }
            const std::uint64_t writes = recover(found, next);
            for (std::uint64_t write = 1; go_on && write <= writes; ++write) {
                cut_recovery(found, write, next);
            }
        }
        return next;
    }

    /// Mounts what a cut left and checks it; how many writes that took.
    std::uint64_t recover(const Case& found, std::vector<Case>& next) {
        nvm_.restore(found.remains);
        const std::uint64_t before = nvm_.writes();
        const Session session = mount();
        const std::uint64_t writes = nvm_.writes() - before;
        if (!session.store) {
            violation(found.replay, "bricked: " + session.store.error().message);
            return writes;
        }
        const StoreState state = state_of(**session.store);
        visit(found);
        if (std::ranges::find(found.allowed, state) == found.allowed.end()) {
            violation(found.replay, "neither the state before nor the one after");
            return writes;
        }
        const Case settled{nvm_.remains(), {state}, found.replay, found.probed};
        if (is_new(settled, "settled ") && stays(settled) && sweep_.probe && !found.probed) {
            probe(settled, next);
        }
        return writes;
    }

    void visit(const Case& found) {
        if (!sweep_.visit) {
            return;
        }
        const FaultyNvm::Remains here = nvm_.remains();
        nvm_.restore(found.remains);
        if (const Session session = mount(); session.store) {
            sweep_.visit(**session.store);
        }
        nvm_.restore(here);
    }

    /// What was shown once is shown ever after, without further writes.
    bool stays(const Case& settled) {
        const std::uint64_t writes = nvm_.writes();
        for (int i = 0; i < 2; ++i) {
            const Session session = power_on();
            if (!session.store) {
                violation(settled.replay, "bricked later: " + session.store.error().message);
                return false;
            }
            if (state_of(**session.store) != settled.allowed.front()) {
                violation(settled.replay, "shows something else after the next power-on");
                return false;
            }
        }
        if (nvm_.writes() != writes) {
            violation(settled.replay, "still writes after recovery");
            return false;
        }
        return true;
    }

    /// Goes on working over what recovery left, and is cut again.
    void probe(const Case& settled, std::vector<Case>& next) {
        for (Case& cut : first_cuts(settled.remains, {sweep_.probe}, settled.replay + ", then ")) {
            cut.probed = true;
            next.push_back(std::move(cut));
        }
    }

    void cut_recovery(const Case& found, std::uint64_t write, std::vector<Case>& next) {
        for (const Tearing& tearing : sweep_tearings()) {
            nvm_.restore(found.remains);
            nvm_.cut_at(write, tearing);
            try {
                static_cast<void>(mount());
            } catch (const PowerCut&) {
                ++report_.cuts;
                Case cut{nvm_.remains(), found.allowed,
                         fmt::format("{}, recovery write #{} {}", found.replay, write, tearing.text()),
                         found.probed};
                if (is_new(cut, "cut ")) {
                    next.push_back(std::move(cut));
                }
            }
        }
        lose_each_of_recovery(found, write, next);
    }

    void lose_each_of_recovery(const Case& found, std::uint64_t write, std::vector<Case>& next) {
        nvm_.restore(found.remains);
        PendingWrites pending(nvm_);
        nvm_.cut_at(write, {harness::TearingModel::atomic_page});
        try {
            static_cast<void>(mount(pending));
        } catch (const PowerCut&) {
            const Case cut{{}, found.allowed, found.replay, found.probed};
            add_lost(pending, cut, fmt::format(", recovery write #{}", write), next);
        }
    }

    const Sweep& sweep_;
    MemoryNvm memory_;
    FaultyNvm nvm_;
    SweepReport report_;
    std::set<std::string> seen_;
    std::vector<StoreState> numbered_;
};

} // namespace

SweepReport run(const Sweep& sweep) {
    return Sweeper(sweep).run();
}

} // namespace cardrig::tests
