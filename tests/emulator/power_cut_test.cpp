// The journal: no row of power cuts tears what a store holds, and what would is seen.
#include "tests/emulator/store_cuts.h"

using namespace cardrig::emulator;
using namespace cardrig::tests;

namespace {

template <class Broken>
SweepReport run_broken() {
    return sweep_broken<Broken>(Protection::journal);
}

} // namespace

BOOST_AUTO_TEST_SUITE(power_cut)

BOOST_AUTO_TEST_CASE(no_row_of_cuts_tears_a_workload_or_what_comes_after) {
    Sweep sweep = sweep_of(small_memory, Protection::journal);
    sweep.probe = probe();
    check_holds(run(sweep), 100'000, 3);
}

BOOST_AUTO_TEST_CASE(no_row_of_cuts_tears_a_workload_where_a_page_is_a_block) {
    check_holds(run(sweep_of({32, 1, 64}, Protection::journal)), 10'000, 3);
}

BOOST_AUTO_TEST_CASE(no_row_of_cuts_tears_a_workload_on_larger_pages_and_blocks) {
    check_holds(run(sweep_of({64, 4, 32}, Protection::journal)), 10'000, 3);
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

BOOST_AUTO_TEST_CASE(sees_that_the_journal_is_not_synced_before_its_commit_record) {
    BOOST_TEST(mentions(run_broken<NoSyncBeforeCommitRecord>(), "one-lost"));
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
