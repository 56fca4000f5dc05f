#include "tests/emulator/broken_memory.h"
#include "tests/emulator/store_workload.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace cardrig::emulator;
using namespace cardrig::tests;

namespace {

constexpr NvmGeometry small{32, 2, 36};
/// Recovery comes to an end long before.
constexpr unsigned to_the_end = 50;

Sweep sweep_of(NvmGeometry geometry) {
    Sweep sweep;
    sweep.geometry = geometry;
    sweep.steps = workload();
    sweep.depth = to_the_end;
    return sweep;
}

void check_holds(const SweepReport& report) {
    for (const std::string& violation : report.violations) {
        BOOST_ERROR(violation);
    }
    BOOST_TEST(report.exhausted);
    BOOST_TEST(report.states.size() >= 3U);
    BOOST_TEST(report.cuts > 10000U);
    BOOST_TEST_MESSAGE(report.cuts << " cuts, up to " << report.states.size() << " in a row");
}

template <class Broken>
SweepReport run_broken() {
    Sweep sweep = sweep_of(small);
    sweep.decorate = [](Nvm& inner) { return std::make_unique<Broken>(inner); };
    sweep.depth = 3;
    return run(sweep);
}

bool mentions(const SweepReport& report, std::string_view text) {
    return std::ranges::any_of(report.violations, [&](const std::string& violation) {
        return violation.find(text) != std::string::npos;
    });
}

} // namespace

BOOST_AUTO_TEST_SUITE(power_cut)

BOOST_AUTO_TEST_CASE(no_row_of_cuts_tears_a_workload_or_what_comes_after) {
    Sweep sweep = sweep_of(small);
    sweep.probe = probe();
    check_holds(run(sweep));
}

BOOST_AUTO_TEST_CASE(no_row_of_cuts_tears_a_workload_where_a_page_is_a_block) {
    check_holds(run(sweep_of({32, 1, 64})));
}

BOOST_AUTO_TEST_CASE(no_row_of_cuts_tears_a_workload_on_larger_pages_and_blocks) {
    check_holds(run(sweep_of({64, 4, 32})));
}

BOOST_AUTO_TEST_CASE(a_memory_that_breaks_nothing_is_found_sound) {
    const SweepReport report = run_broken<PassingNvm>();
    BOOST_TEST(report.violations.empty());
}

BOOST_AUTO_TEST_CASE(sees_that_home_is_written_in_place) {
    const SweepReport report = run_broken<NoCommitRecord>();
    BOOST_TEST(mentions(report, "neither the state before nor the one after"));
}

BOOST_AUTO_TEST_CASE(sees_that_the_journal_is_missing) {
    BOOST_TEST(mentions(run_broken<NoJournal>(), "bricked"));
}

BOOST_AUTO_TEST_CASE(sees_that_nothing_is_synced) {
    BOOST_TEST(mentions(run_broken<NoSync>(), "lost-writes"));
}

BOOST_AUTO_TEST_CASE(sees_that_the_commit_record_comes_before_the_journal) {
    BOOST_TEST(!run_broken<CommitRecordFirst>().violations.empty());
}

BOOST_AUTO_TEST_CASE(sees_that_the_commit_record_goes_before_home_is_written) {
    BOOST_TEST(mentions(run_broken<ClearsTooEarly>(), "neither the state before nor the one after"));
}

BOOST_AUTO_TEST_CASE(sees_that_counters_are_written_in_place) {
    BOOST_TEST(mentions(run_broken<OneCounterBlock>(), "counters"));
}

BOOST_AUTO_TEST_CASE(sees_that_weak_bits_are_believed) {
    const SweepReport report = run_broken<FirstImpression>();
    BOOST_TEST(mentions(report, "weak-bits"));
}

BOOST_AUTO_TEST_CASE(sees_that_erasing_takes_live_neighbours_along) {
    BOOST_TEST(mentions(run_broken<LargerBlocks>(), "erase-block"));
}

BOOST_AUTO_TEST_SUITE_END()
