// Copy, then switch: no row of power cuts tears what a store holds, and what would is seen.
#include "tests/emulator/store_cuts.h"

using namespace cardrig::emulator;
using namespace cardrig::tests;

namespace {

template <class Broken>
SweepReport run_broken() {
    return sweep_broken<Broken>(Protection::shadow);
}

} // namespace

BOOST_AUTO_TEST_SUITE(power_cut_shadow)

BOOST_AUTO_TEST_CASE(no_row_of_cuts_tears_a_workload_or_what_comes_after) {
    Sweep sweep = sweep_of(small_memory, Protection::shadow);
    sweep.probe = probe();
    check_holds(run(sweep), 10'000, 3);
}

BOOST_AUTO_TEST_CASE(no_row_of_cuts_tears_a_workload_where_a_page_is_a_block) {
    check_holds(run(sweep_of({32, 1, 64}, Protection::shadow)), 1'000, 2);
}

BOOST_AUTO_TEST_CASE(no_row_of_cuts_tears_a_workload_on_larger_pages_and_blocks) {
    check_holds(run(sweep_of({64, 4, 32}, Protection::shadow)), 1'000, 2);
}

BOOST_AUTO_TEST_CASE(a_memory_that_breaks_nothing_is_found_sound) {
    BOOST_TEST(run_broken<PassingNvm>().violations.empty());
}

BOOST_AUTO_TEST_CASE(sees_that_no_root_is_written) {
    BOOST_TEST(mentions(run_broken<NoRoot>(), "neither the state before nor the one after"));
}

BOOST_AUTO_TEST_CASE(sees_that_the_root_comes_before_the_copies) {
    const SweepReport report = run_broken<RootFirst>();
    BOOST_TEST(
        (mentions(report, "bricked") || mentions(report, "neither the state before nor the one after")));
}

BOOST_AUTO_TEST_CASE(sees_that_the_root_is_written_in_place) {
    BOOST_TEST(mentions(run_broken<OneRoot>(), "neither root is whole"));
}

BOOST_AUTO_TEST_CASE(sees_that_live_neighbours_are_not_copied) {
    BOOST_TEST(mentions(run_broken<NoNeighbours>(), "bricked"));
}

BOOST_AUTO_TEST_CASE(sees_that_nothing_is_synced) {
    BOOST_TEST(mentions(run_broken<NoSync>(), "lost-writes"));
}

BOOST_AUTO_TEST_CASE(sees_that_the_copies_are_not_synced_before_the_root) {
    BOOST_TEST(mentions(run_broken<NoSyncBeforeRoot>(), "one-lost"));
}

BOOST_AUTO_TEST_CASE(sees_that_counters_are_written_in_place) {
    BOOST_TEST(mentions(run_broken<OneCounterBlock>(), "counters"));
}

BOOST_AUTO_TEST_CASE(sees_that_copies_share_erase_blocks_with_live_data) {
    BOOST_TEST(mentions(run_broken<LargerBlocks>(), "erase-block"));
}

BOOST_AUTO_TEST_SUITE_END()
