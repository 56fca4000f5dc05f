// Power lost at every memory write of every command that writes to a card with the shadow protection, with
// every kind of tearing, and again during every recovery: no promise is broken, and what would break one is
// seen.
#include "tests/emulator/broken_memory.h"
#include "tests/emulator/piv_cut_controls.h"

#include <boost/test/unit_test.hpp>

using namespace cardrig::tests;
namespace emulator = cardrig::emulator;
using cardrig::apdu::Bytes;
using emulator::Nvm;
using emulator::Protection;

namespace {

template <class Broken>
std::unique_ptr<Nvm> broken(Nvm& nvm) {
    return std::make_unique<Broken>(nvm, Protection::shadow);
}

std::unique_ptr<Nvm> with_counters_written_late(Nvm& nvm) {
    const auto counters = layout_of(nvm, Protection::shadow).counters;
    return std::make_unique<DelayingNvm>(nvm, std::vector{counters[0], counters[1]});
}

} // namespace

BOOST_AUTO_TEST_SUITE(piv_power_cut_shadow)

BOOST_AUTO_TEST_CASE(no_cut_of_what_the_holder_does_breaks_a_promise) {
    check_operations(Protection::shadow, Shown::spent);
}

BOOST_AUTO_TEST_CASE(no_cut_of_what_the_administrator_does_breaks_a_promise) {
    check_operations(Protection::shadow, Shown::nothing);
}

BOOST_AUTO_TEST_CASE(a_try_that_was_answered_is_spent) {
    BOOST_TEST(PivCutBench(Protection::shadow).answered_try_is_spent().empty());
}

BOOST_AUTO_TEST_CASE(a_try_is_taken_before_the_passcode_matters) {
    PivCutBench bench(Protection::shadow);
    const Bytes with_wrong = bench.first_writes_of_try(wrong_passcode);
    BOOST_TEST(!with_wrong.empty());
    BOOST_TEST(bench.first_writes_of_try(old_passcode) == with_wrong);
}

BOOST_AUTO_TEST_CASE(control_a_root_that_goes_out_before_the_copies_is_seen) {
    PivCutBench bench(Protection::shadow);
    BOOST_TEST(!bench.sweep(operation("certificate write"), broken<RootFirst>).empty());
    BOOST_TEST(!bench.sweep(operation("key generation"), broken<RootFirst>).empty());
}

BOOST_AUTO_TEST_CASE(control_roots_in_one_place_are_seen) {
    PivCutBench bench(Protection::shadow);
    BOOST_TEST(mentions(bench.sweep(operation("passcode change"), broken<OneRoot>), "I1"));
}

BOOST_AUTO_TEST_CASE(control_a_counter_written_after_the_answer_is_seen) {
    BOOST_TEST(
        mentions(PivCutBench(Protection::shadow).answered_try_is_spent(with_counters_written_late), "I6"));
}

BOOST_AUTO_TEST_SUITE_END()
