// Power lost at every memory write of every command that writes to a card with a journal, with every kind of
// tearing, and again during every recovery: no promise is broken. The negative controls break the memory
// beneath the card, and the same check has to see it.
#include "tests/emulator/piv_cut_controls.h"

#include <boost/test/unit_test.hpp>

using namespace cardrig::tests;
namespace emulator = cardrig::emulator;
using cardrig::apdu::Bytes;
using emulator::Nvm;
using emulator::Protection;

namespace {

std::unique_ptr<Nvm> without_commit_record(Nvm& nvm) {
    return std::make_unique<LosingNvm>(nvm, std::vector{layout_of(nvm, Protection::journal).commit_record});
}

std::unique_ptr<Nvm> without_journal(Nvm& nvm) {
    return std::make_unique<LosingNvm>(nvm, std::vector{layout_of(nvm, Protection::journal).journal});
}

std::unique_ptr<Nvm> with_home_written_late(Nvm& nvm) {
    return std::make_unique<DelayingNvm>(nvm, std::vector{layout_of(nvm, Protection::journal).home});
}

std::unique_ptr<Nvm> with_counters_written_late(Nvm& nvm) {
    const auto counters = layout_of(nvm, Protection::journal).counters;
    return std::make_unique<DelayingNvm>(nvm, std::vector{counters[0], counters[1]});
}

} // namespace

BOOST_AUTO_TEST_SUITE(piv_power_cut)

BOOST_AUTO_TEST_CASE(no_cut_of_what_the_holder_does_breaks_a_promise) {
    check_operations(Protection::journal, Shown::spent);
}

BOOST_AUTO_TEST_CASE(no_cut_of_what_the_administrator_does_breaks_a_promise) {
    check_operations(Protection::journal, Shown::nothing);
}

BOOST_AUTO_TEST_CASE(a_try_that_was_answered_is_spent) {
    BOOST_TEST(PivCutBench(Protection::journal).answered_try_is_spent().empty());
}

// Else whoever watches the memory would learn the answer in time to cut the power and save the try.
BOOST_AUTO_TEST_CASE(a_try_is_taken_before_the_passcode_matters) {
    PivCutBench bench(Protection::journal);
    const Bytes with_wrong = bench.first_writes_of_try(wrong_passcode);
    BOOST_TEST(!with_wrong.empty());
    BOOST_TEST(bench.first_writes_of_try(old_passcode) == with_wrong);
}

// So there is nothing to cut in them.
BOOST_AUTO_TEST_CASE(commands_that_change_nothing_write_nothing) {
    PivCutBench bench(Protection::journal);
    for (const auto* const command : {"00A4040009A00000030800001000", "00CB3FFF055C035FC10500", "00200080",
                                      "0020FF80", "0087039B047C02800000", "0087039B047C02810000",
                                      "00A404000000", "0047009A05AC0380011400", "00DB3FFF075C035FC10099",
                                      "0087119A267C2482008120555555555555555555555555555555555555555555555555"
                                      "5555555555555555"}) {
        BOOST_TEST(bench.writes_of(command) == 0U, command);
    }
    BOOST_TEST(bench.writes_of("0047009C05AC0380011100") > 0U);
}

BOOST_AUTO_TEST_CASE(control_a_memory_that_loses_commit_records_is_seen) {
    PivCutBench bench(Protection::journal);
    BOOST_TEST(mentions(bench.sweep(operation("certificate write"), without_commit_record), "I5"));
    BOOST_TEST(!bench.sweep(operation("passcode change"), without_commit_record).empty());
    BOOST_TEST(!bench.sweep(operation("key generation"), without_commit_record).empty());
}

BOOST_AUTO_TEST_CASE(control_a_memory_that_loses_the_journal_is_seen) {
    PivCutBench bench(Protection::journal);
    BOOST_TEST(!bench.sweep(operation("certificate write"), without_journal).empty());
    BOOST_TEST(!bench.sweep(operation("unblock"), without_journal).empty());
}

// It takes two cuts to see: one that leaves a journal to be replayed, and one in that.
BOOST_AUTO_TEST_CASE(control_a_recovery_that_ends_before_its_pages_are_there_is_seen) {
    PivCutBench bench(Protection::journal);
    for (const auto* const name : {"certificate write", "passcode change", "key generation"}) {
        const auto violations = bench.sweep(operation(name), {}, with_home_written_late);
        BOOST_TEST(mentions(violations, "I5"), name);
        BOOST_TEST(std::ranges::all_of(violations,
                                       [](const std::string& each) {
                                           return each.find(", recovery write #") != std::string::npos;
                                       }),
                   name);
    }
}

BOOST_AUTO_TEST_CASE(control_a_counter_written_after_the_answer_is_seen) {
    BOOST_TEST(
        mentions(PivCutBench(Protection::journal).answered_try_is_spent(with_counters_written_late), "I6"));
}

BOOST_AUTO_TEST_SUITE_END()
