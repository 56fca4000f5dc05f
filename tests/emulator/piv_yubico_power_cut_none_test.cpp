// A key token without protection: each tearing model breaks promises in the commands that it has beyond the
// standard, and however torn it is, it answers or stays mute, and says why.
#include "tests/emulator/piv_cut_controls.h"
#include "tests/emulator/yubico_cut_bench.h"

#include <boost/test/unit_test.hpp>

#include <iterator>

namespace test = cardrig::tests;

BOOST_AUTO_TEST_SUITE(piv_yubico_power_cut_none)

BOOST_AUTO_TEST_CASE(each_tearing_model_breaks_promises_of_an_unprotected_token) {
    test::TokenCutBench bench(cardrig::emulator::Protection::none);
    std::vector<std::string> violations;
    for (const test::TokenOperation& operation : test::token_operations()) {
        std::ranges::move(bench.sweep(operation), std::back_inserter(violations));
    }
    BOOST_TEST_MESSAGE(bench.cuts() << " cuts, " << violations.size() << " findings");
    for (const auto& tearing : cardrig::harness::all_tearings()) {
        const auto broken = test::broken_by(tearing.text(), violations);
        BOOST_TEST(broken.contains("I1"), tearing.text() << " keeps I1");
        BOOST_TEST(broken.contains("I5"), tearing.text() << " keeps I5");
        // Codes and limits are programmed between two syncs: they are lost together.
        const bool keeps_codes = tearing.model == cardrig::harness::TearingModel::lost_writes;
        BOOST_TEST((broken.contains("I6") || keeps_codes), tearing.text() << " keeps I6");
    }
    test::check_mute_cards_say_why(violations);
}

BOOST_AUTO_TEST_SUITE_END()
