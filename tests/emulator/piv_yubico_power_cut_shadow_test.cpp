// Power lost at every memory write of the commands that key tokens have beyond the standard, on a card with
// the shadow protection, with every kind of tearing, and again during every recovery.
#include "tests/emulator/broken_memory.h"
#include "tests/emulator/piv_cut_controls.h"
#include "tests/emulator/yubico_cut_bench.h"

#include <boost/test/unit_test.hpp>

namespace test = cardrig::tests;
namespace emulator = cardrig::emulator;
using emulator::Nvm;
using emulator::Protection;

namespace {

std::unique_ptr<Nvm> with_root_first(Nvm& nvm) {
    return std::make_unique<test::RootFirst>(nvm, Protection::shadow);
}

} // namespace

BOOST_AUTO_TEST_SUITE(piv_yubico_power_cut_shadow)

BOOST_AUTO_TEST_CASE(no_cut_breaks_a_promise) {
    test::check_token_operations(Protection::shadow);
}

BOOST_AUTO_TEST_CASE(control_a_root_that_goes_out_before_the_copies_is_seen) {
    test::TokenCutBench bench(Protection::shadow);
    for (const auto* const name : {"import over a key", "move", "reset"}) {
        BOOST_TEST(!bench.sweep(test::token_operation(name), with_root_first).empty(), name);
    }
}

BOOST_AUTO_TEST_SUITE_END()
