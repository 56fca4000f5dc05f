#include "harness/sweep/crash_images.h"
#include "emulator/inspection.h"
#include "harness/invariants.h"
#include "harness/sweep/memory_phase.h"
#include "tests/benchmarks/parts.h"
#include "tests/benchmarks/stopwatch.h"
#include "tests/harness/recorded_renewal.h"

#include <algorithm>
#include <regex>
#include <stdexcept>
#include <string>
#include <sys/resource.h>

#include <fmt/format.h>

namespace cardrig::benchmarks {

namespace {

using harness::MemoryPhaseOptions;
using harness::MemoryPhaseResult;
using harness::Recording;

/// Of a card as piv-staff makes it: two RSA 2048 keys, 128 KiB, and this protection.
Recording renewals(const std::string& protection, std::size_t rounds) {
    return test::record_renewal({.overrides = {{"memory.protection", protection}}, .rounds = rounds});
}

/// Megabytes, the most so far.
double peak_memory() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_maxrss) / 1024;
}

enum class Count { made, looked_at };

struct Measured {
    MemoryPhaseResult result;
    double seconds = 0; ///< of this thread
    [[nodiscard]] double rate(Count count) const {
        const std::uint64_t merged = count == Count::made ? 0 : result.merged;
        return static_cast<double>(result.images - merged) / seconds;
    }
};

Measured look(const Recording& recording, const MemoryPhaseOptions& options) {
    const double begin = thread_seconds();
    Measured measured;
    measured.result = harness::run_memory_phase(recording, options);
    measured.seconds = thread_seconds() - begin;
    return measured;
}

std::string told(const MemoryPhaseResult& result) {
    return fmt::format("{} images, {} of them in recoveries, {} merged, {} states", result.images,
                       result.recovery_cuts, result.merged, result.states.size());
}

/// Images a second as a run's cards are checked: each image made anew, powered on, looked into.
double one_by_one(const Recording& recording, std::size_t images) {
    const double begin = thread_seconds();
    for (std::size_t i = 0; i < images; ++i) {
        harness::SweepPlace place;
        place.phase = harness::SweepPhase::memory;
        place.place.write = 1 + i * recording.writes() / images;
        const auto state = harness::crash_state(recording, place);
        if (harness::bricked(state.cards.front()) || !emulator::inspect(state.cards.front())) {
            throw std::logic_error("a sound card is bricked");
        }
    }
    return static_cast<double>(images) / (thread_seconds() - begin);
}

struct Subject {
    std::string name;
    const Recording& recording;
    MemoryPhaseOptions options{};
    Count count = Count::made;
    std::size_t samples = 5;
    std::optional<Aim> aim{};
};

Figure rate(const Effort& effort, const Subject& subject) {
    std::vector<double> rates;
    std::vector<double> plain;
    std::string note;
    for (std::size_t i = 0; i < effort.samples(subject.samples); ++i) {
        const Measured measured = look(subject.recording, subject.options);
        rates.push_back(measured.rate(subject.count));
        note = told(measured.result);
        plain.push_back(one_by_one(subject.recording, effort.brief ? 2 : 20));
    }
    return {"crash-images",
            subject.name,
            "/s",
            Spread(std::move(rates)),
            Floor(Spread(std::move(plain)), "an image made, powered on and looked into by itself"),
            subject.aim,
            note};
}

/// Every n-th write alone, where all would take too long to be looked at again and again.
std::regex some_writes(const Recording& recording, std::size_t every) {
    std::string numbers;
    for (std::size_t number = 1; number <= recording.writes(); number += every) {
        numbers += fmt::format("{}{}", numbers.empty() ? "" : "|", number);
    }
    return std::regex(fmt::format("^write #({})$", numbers));
}

void add_growth(const Effort& effort, std::vector<Figure>& figures) {
    const double before = peak_memory();
    double microseconds_of_one = 0;
    for (const std::size_t rounds : {std::size_t{1}, std::size_t{2}, std::size_t{4}}) {
        if (effort.brief && rounds > 1) {
            continue;
        }
        const Recording recording = renewals("journal", rounds);
        std::vector<double> per_place;
        std::string note;
        for (std::size_t i = 0; i < effort.samples(3); ++i) {
            const Measured measured = look(recording, {});
            const auto places = static_cast<double>(measured.result.places.size());
            per_place.push_back(measured.seconds * 1e6 / places);
            note = fmt::format("{} places; {}; {:.0f} MB more memory at the most", places,
                               told(measured.result), peak_memory() - before);
        }
        const Spread spread(std::move(per_place));
        microseconds_of_one = rounds == 1 ? spread.median() : microseconds_of_one;
        figures.push_back({"crash-images",
                           fmt::format("a place, {} renewal{} long", rounds, rounds == 1 ? "" : "s"), "us",
                           spread, Floor(microseconds_of_one, microseconds_of_one, "a place of one renewal"),
                           std::nullopt, note});
    }
}

} // namespace

std::vector<Figure> crash_images(const Effort& effort) {
    const auto at_least = [](double rate) { return Aim{Aim::Of::value, Aim::Bound::at_least, rate}; };
    std::vector<Figure> figures;
    add_growth(effort, figures);
    const Recording journal = renewals("journal", 1);
    figures.push_back(
        rate(effort, {.name = "with merging and memo", .recording = journal, .aim = at_least(20'000)}));
    figures.push_back(rate(effort, {"looked at, with merging and memo", journal, {}, Count::looked_at}));
    MemoryPhaseOptions single;
    single.merge = false;
    single.selection.places = some_writes(journal, effort.brief ? 100 : 4);
    figures.push_back(rate(effort, {"looked at, without merging, with memo", journal, single,
                                    Count::looked_at, 3, at_least(2'000)}));
    single.memo = false;
    single.selection.places = some_writes(journal, effort.brief ? 200 : 50);
    figures.push_back(
        rate(effort, {"looked at, without merging and memo", journal, single, Count::looked_at, 2}));
    const Recording shadow = renewals("shadow", 1);
    figures.push_back(rate(effort, {"shadow, with merging and memo", shadow}));
    const Recording none = renewals("none", 1);
    figures.push_back(rate(effort, {"no protection, with merging and memo", none}));
    return figures;
}

} // namespace cardrig::benchmarks
