// Power lost at every memory write of the commands that key tokens have beyond the standard, on a card with a
// journal, with every kind of tearing, and again during every recovery.
#include "tests/emulator/piv_cut_controls.h"
#include "tests/emulator/yubico_cut_bench.h"

#include <boost/test/unit_test.hpp>

namespace test = cardrig::tests;
namespace emulator = cardrig::emulator;
using emulator::Nvm;
using emulator::Protection;

namespace {

/// Keeps all but the counters to itself, where it is gone with the power.
std::unique_ptr<Nvm> with_counters_first(Nvm& nvm) {
    const auto layout = test::layout_of(nvm, Protection::journal);
    return std::make_unique<test::DelayingNvm>(
        nvm, std::vector{layout.commit_record, layout.journal, layout.home});
}

} // namespace

BOOST_AUTO_TEST_SUITE(piv_yubico_power_cut)

BOOST_AUTO_TEST_CASE(no_cut_breaks_a_promise) {
    test::check_token_operations(Protection::journal);
}

// So there is nothing to cut in them: those that only tell, and those that are refused.
BOOST_AUTO_TEST_CASE(commands_that_change_nothing_write_nothing) {
    test::TokenCutBench bench(Protection::journal);
    for (const auto* const command :
         {"00FD0000", "00F8000000", "00F7009A00", "00F7008000", "00F7009B00", "00F99A0000", "00FA0000",
          "00FB0000", "00FE119A0100", "00FFFFFF0400000000", "00F6829C", "00F6FF82"}) {
        BOOST_TEST(bench.writes_of(command) == 0U, command);
    }
    BOOST_TEST(bench.writes_of("00F6829A") > 0U);
}

// Whoever could raise the counters before the codes change would get tries at codes that nobody has shown.
BOOST_AUTO_TEST_CASE(control_counters_that_rise_before_the_codes_change_are_seen) {
    test::TokenCutBench bench(Protection::journal);
    for (const auto* const name : {"tries 0504", "reset"}) {
        BOOST_TEST(test::mentions(bench.sweep(test::token_operation(name), with_counters_first), "I6"), name);
    }
}

BOOST_AUTO_TEST_SUITE_END()
