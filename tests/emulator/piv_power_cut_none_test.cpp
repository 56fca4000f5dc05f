// A PIV card without protection: each tearing model breaks promises, which are told here, and however torn
// the card is, it answers or stays mute, and says why.
#include "tests/emulator/piv_cut_controls.h"

#include <boost/test/unit_test.hpp>

#include <fmt/format.h>

#include <iterator>
#include <map>
#include <set>
#include <string>

using namespace cardrig::tests;
using cardrig::emulator::Protection;

namespace {

/// What "nothing is promised" comes to, model by model: these and no others, as emulator/README.md has it.
const std::map<std::string, std::set<std::string>> broken_promises{
    {"lost-writes", {"I1", "I5"}},       {"atomic-page", {"I1", "I5"}},
    {"prefix none", {"I1", "I5"}},       {"prefix one", {"I1", "I5", "I6"}},
    {"prefix half", {"I1", "I5"}},       {"prefix all-but-one", {"I1", "I5"}},
    {"erased-page", {"I1", "I5", "I6"}}, {"erase-block", {"I1", "I5", "I6"}},
    {"weak-bits", {"I1", "I5", "I6"}},
};

} // namespace

BOOST_AUTO_TEST_SUITE(piv_power_cut_none)

BOOST_AUTO_TEST_CASE(each_tearing_model_breaks_promises_of_an_unprotected_card) {
    PivCutBench bench(Protection::none);
    std::vector<std::string> violations;
    for (const Operation& operation : all_operations()) {
        std::ranges::move(bench.sweep(operation), std::back_inserter(violations));
    }
    BOOST_TEST_MESSAGE(bench.cuts() << " cuts, " << violations.size() << " findings");
    for (const auto& [tearing, promises] : broken_promises) {
        BOOST_TEST_CONTEXT(tearing) {
            BOOST_TEST(broken_by(tearing, violations) == promises, boost::test_tools::per_element());
        }
    }
    check_mute_cards_say_why(violations);
    BOOST_TEST(!mentions(violations, "factory"));
}

// Erased memory is the one content that everybody can guess.
BOOST_AUTO_TEST_CASE(a_passcode_that_reads_as_erased_or_zeroed_is_no_passcode) {
    for (const std::uint8_t blank : {std::uint8_t{0xFF}, std::uint8_t{0x00}}) {
        PivCard card;
        const auto store = cardrig::emulator::ObjectStore::mount(card.memory()).value();
        cardrig::emulator::Transaction transaction = store->begin();
        transaction.put(cardrig::emulator::piv::passcode_object, Bytes(8, blank));
        transaction.put(cardrig::emulator::piv::unblocking_code_object, Bytes(8, blank));
        BOOST_REQUIRE(transaction.commit() == cardrig::emulator::CommitResult::committed);
        card.power_cycle();
        const std::string code = cardrig::apdu::to_hex(Bytes(8, blank));
        BOOST_TEST(card.status(fmt::format("0020008008{}", code)) == 0x63C2);
        BOOST_TEST(card.status(fmt::format("0024008010{}{}", code, block(new_passcode))) == 0x63C1);
        BOOST_TEST(card.status(fmt::format("002C008010{}{}", code, block(new_passcode))) == 0x63C2);
    }
}

BOOST_AUTO_TEST_SUITE_END()
