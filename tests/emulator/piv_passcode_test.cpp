// What passcode, unblocking code and their counters do over several commands (SP 800-73-4 part 2, 3.2).
#include "tests/emulator/piv_card.h"

#include "emulator/piv/passcode.h"
#include "emulator/store/layout.h"

#include <boost/test/unit_test.hpp>

#include <string_view>

namespace test = cardrig::tests;
namespace emulator = cardrig::emulator;
namespace piv = emulator::piv;
using test::block;
using test::PivCard;

namespace {

constexpr auto query = "00200080";

std::uint16_t change(PivCard& card, std::string_view from, std::string_view to) {
    return card.status("0024008010" + block(from) + block(to));
}

std::uint16_t change_unblocking_code(PivCard& card, std::string_view from, std::string_view to) {
    return card.status("0024008110" + block(from) + block(to));
}

std::uint16_t unblock(PivCard& card, std::string_view code, std::string_view passcode) {
    return card.status("002C008010" + block(code) + block(passcode));
}

void block_passcode(PivCard& card) {
    for (int tries = 0; tries < 3; ++tries) {
        (void)card.verify("000000");
    }
    BOOST_REQUIRE_EQUAL(card.status(query), 0x6983);
}

piv::ReferenceBlock reference_block(std::string_view text) {
    piv::ReferenceBlock bytes{};
    std::ranges::copy(test::hex(text), bytes.begin());
    return bytes;
}

} // namespace

BOOST_AUTO_TEST_SUITE(piv_passcode)

BOOST_AUTO_TEST_CASE(a_right_passcode_stays_verified) {
    PivCard card;
    BOOST_TEST(card.status(query) == 0x63C3);
    BOOST_TEST(card.verify() == 0x9000);
    BOOST_TEST(card.status(query) == 0x9000);
    BOOST_TEST(card.status(query) == 0x9000);
}

// Nothing but the magic number tells that counters without protection are erased.
BOOST_AUTO_TEST_CASE(a_counter_above_all_limits_is_blocked) {
    test::Setup setup;
    setup.config.protection = emulator::Protection::none;
    PivCard card{setup};
    const auto layout =
        emulator::store::Layout::of(setup.config.geometry, emulator::Protection::none).value();
    card.memory().bytes().at(layout.counters[0].offset + 4) = 0xFF;
    card.power_cycle();
    BOOST_TEST(card.status(query) == 0x6983);
    BOOST_TEST(card.verify() == 0x6983);
}

BOOST_AUTO_TEST_CASE(verify_blocks_after_third_wrong_passcode) {
    PivCard card;
    BOOST_TEST(card.verify("111111") == 0x63C2);
    BOOST_TEST(card.verify("222222") == 0x63C1);
    BOOST_TEST(card.verify("333333") == 0x63C0);
    BOOST_TEST(card.verify("444444") == 0x6983);
    BOOST_TEST(card.verify() == 0x6983); // even the right one, now
    BOOST_TEST(card.status(query) == 0x6983);
}

BOOST_AUTO_TEST_CASE(the_limit_is_the_cards) {
    test::Setup setup;
    setup.config.piv.passcode.tries = 10;
    setup.config.piv.unblocking_code.tries = 1;
    PivCard card(setup);
    BOOST_TEST(card.verify("111111") == 0x63C9);
    BOOST_TEST(unblock(card, "wrong", "123456") == 0x63C0);
    BOOST_TEST(unblock(card, test::unblocking_code, "123456") == 0x6983);
}

BOOST_AUTO_TEST_CASE(a_right_passcode_resets_the_counter) {
    PivCard card;
    BOOST_REQUIRE_EQUAL(card.verify("111111"), 0x63C2);
    BOOST_REQUIRE_EQUAL(card.verify("111111"), 0x63C1);
    BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
    BOOST_TEST(card.verify("111111") == 0x63C2);
}

BOOST_AUTO_TEST_CASE(a_wrong_passcode_ends_the_verified_state) {
    PivCard card;
    BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
    BOOST_REQUIRE_EQUAL(card.verify("111111"), 0x63C2);
    BOOST_TEST(card.status(query) == 0x63C2);
}

BOOST_AUTO_TEST_CASE(a_query_costs_no_try) {
    PivCard card;
    BOOST_REQUIRE_EQUAL(card.verify("111111"), 0x63C2);
    for (int i = 0; i < 20; ++i) {
        BOOST_TEST(card.status(query) == 0x63C2);
        BOOST_TEST(card.status("0020008000") == 0x63C2);
    }
}

BOOST_AUTO_TEST_CASE(verify_with_p1_ff_takes_the_verified_state_back) {
    PivCard card;
    BOOST_REQUIRE_EQUAL(card.verify("111111"), 0x63C2);
    BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
    BOOST_TEST(card.status("0020FF80") == 0x9000);
    BOOST_TEST(card.status(query) == 0x63C3);
}

BOOST_AUTO_TEST_CASE(a_block_of_wrong_length_costs_no_try_and_keeps_the_state) {
    PivCard card;
    BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
    BOOST_TEST(card.status("0020008006313233343536") == 0x6A80);
    BOOST_TEST(card.status(query) == 0x9000);
}

BOOST_AUTO_TEST_CASE(tries_for_the_unblocking_code_by_verify_do_not_touch_its_counter) {
    PivCard card;
    for (int i = 0; i < 5; ++i) {
        BOOST_TEST(card.status("0020008108" + block("wrong")) == 0x6A88);
    }
    BOOST_TEST(unblock(card, "wrong", "123456") == 0x63C2);
}

BOOST_AUTO_TEST_CASE(change_makes_the_new_passcode_the_only_one_and_verifies_it) {
    PivCard card;
    BOOST_REQUIRE_EQUAL(card.verify("111111"), 0x63C2);
    BOOST_REQUIRE_EQUAL(change(card, "123456", "87654321"), 0x9000);
    BOOST_TEST(card.status(query) == 0x9000);
    card.power_cycle();
    BOOST_TEST(card.status(query) == 0x63C3);
    BOOST_TEST(card.verify("123456") == 0x63C2);
    BOOST_TEST(card.verify("87654321") == 0x9000);
}

BOOST_AUTO_TEST_CASE(change_with_a_wrong_passcode_costs_a_try_and_ends_the_verified_state) {
    PivCard card;
    BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
    BOOST_TEST(change(card, "111111", "654321") == 0x63C2);
    BOOST_TEST(card.status(query) == 0x63C2);
    BOOST_TEST(card.verify() == 0x9000);
}

BOOST_AUTO_TEST_CASE(change_to_a_passcode_that_breaks_the_rules_changes_nothing) {
    PivCard card;
    BOOST_REQUIRE_EQUAL(card.verify("111111"), 0x63C2);
    BOOST_TEST(change(card, "123456", "12345") == 0x6A80);
    BOOST_TEST(card.status(query) == 0x63C2); // neither verified nor the counter reset
    BOOST_TEST(card.verify() == 0x9000);
    BOOST_TEST(change(card, "123456", "abcdef") == 0x6A80);
    BOOST_TEST(card.status(query) == 0x9000);
}

BOOST_AUTO_TEST_CASE(the_unblocking_code_changes_without_a_word_about_the_passcode) {
    PivCard card;
    BOOST_TEST(change_unblocking_code(card, "12345678", "ABCDEFGH") == 0x9000);
    BOOST_TEST(card.status(query) == 0x63C3);
    BOOST_TEST(unblock(card, "12345678", "654321") == 0x63C2);
    BOOST_TEST(unblock(card, "ABCDEFGH", "654321") == 0x9000);
    BOOST_TEST(card.verify("654321") == 0x9000);
    // A wrong unblocking code ends the verified state here, too.
    BOOST_TEST(change_unblocking_code(card, "12345678", "00000000") == 0x63C2);
    BOOST_TEST(card.status(query) == 0x63C3);
}

BOOST_AUTO_TEST_CASE(the_unblocking_code_blocks_by_itself) {
    PivCard card;
    BOOST_TEST(change_unblocking_code(card, "wrong", "00000000") == 0x63C2);
    BOOST_TEST(unblock(card, "wrong", "654321") == 0x63C1);
    BOOST_TEST(change_unblocking_code(card, "wrong", "00000000") == 0x63C0);
    BOOST_TEST(change_unblocking_code(card, "12345678", "00000000") == 0x6983);
    BOOST_TEST(unblock(card, "12345678", "654321") == 0x6983);
    BOOST_TEST(card.verify() == 0x9000); // the passcode is another matter
}

BOOST_AUTO_TEST_CASE(unblock_gives_a_new_passcode_and_all_tries) {
    PivCard card;
    block_passcode(card);
    BOOST_REQUIRE_EQUAL(unblock(card, "wrong", "654321"), 0x63C2);
    BOOST_TEST(unblock(card, "12345678", "654321") == 0x9000);
    BOOST_TEST(card.status(query) == 0x63C3); // success does not verify
    BOOST_TEST(card.verify("123456") == 0x63C2);
    BOOST_TEST(card.verify("654321") == 0x9000);
    BOOST_TEST(unblock(card, "wrong", "654321") == 0x63C2); // its own counter was reset
}

BOOST_AUTO_TEST_CASE(unblock_keeps_the_verified_state_on_success_and_ends_it_on_failure) {
    PivCard card;
    BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
    BOOST_REQUIRE_EQUAL(unblock(card, "12345678", "654321"), 0x9000);
    BOOST_TEST(card.status(query) == 0x9000);
    BOOST_REQUIRE_EQUAL(unblock(card, "wrong", "654321"), 0x63C2);
    BOOST_TEST(card.status(query) == 0x63C3);
}

BOOST_AUTO_TEST_CASE(unblock_to_a_passcode_that_breaks_the_rules_changes_nothing) {
    PivCard card;
    block_passcode(card);
    BOOST_REQUIRE_EQUAL(unblock(card, "wrong", "654321"), 0x63C2);
    BOOST_TEST(unblock(card, "12345678", "12345") == 0x6A80);
    BOOST_TEST(card.status(query) == 0x6983);
    BOOST_TEST(unblock(card, "wrong", "654321") == 0x63C1); // it was neither spent nor reset
}

BOOST_AUTO_TEST_CASE(rules_decide_on_length_characters_and_padding) {
    const emulator::PasscodeRules digits{6, 8, true, 3};
    BOOST_TEST(piv::keeps_rules(digits, reference_block("313233343536FFFF")));
    BOOST_TEST(piv::keeps_rules(digits, reference_block("31323334353637FF")));
    BOOST_TEST(piv::keeps_rules(digits, reference_block("3132333435363738")));
    BOOST_TEST(piv::keeps_rules(digits, reference_block("3030303030303030")));
    BOOST_TEST(!piv::keeps_rules(digits, reference_block("3132333435FFFFFF")));
    BOOST_TEST(!piv::keeps_rules(digits, reference_block("3132333435363A38")));
    BOOST_TEST(!piv::keeps_rules(digits, reference_block("3132333435362F38")));
    BOOST_TEST(!piv::keeps_rules(digits, reference_block("313233343536FF38")));
    BOOST_TEST(!piv::keeps_rules(digits, reference_block("FFFFFFFFFFFFFFFF")));

    const emulator::PasscodeRules letters{4, 6, false, 3};
    BOOST_TEST(piv::keeps_rules(letters, reference_block("61626364FFFFFFFF")));
    BOOST_TEST(piv::keeps_rules(letters, reference_block("616263646566FFFF")));
    BOOST_TEST(!piv::keeps_rules(letters, reference_block("616263FFFFFFFFFF")));
    BOOST_TEST(!piv::keeps_rules(letters, reference_block("61626364656667FF")));
    BOOST_TEST(!piv::keeps_rules(letters, reference_block("FFFFFFFFFFFFFFFF")));
}

BOOST_AUTO_TEST_CASE(what_blank_memory_reads_as_is_refused_as_a_new_code_and_changes_nothing) {
    test::Setup setup;
    setup.config.piv.passcode.digits_only = false;
    setup.config.piv.global_passcode = emulator::PasscodeRules{4, 8, false, 3};
    PivCard card(setup);
    for (const std::string_view blank : {"0000000000000000", "FFFFFFFFFFFFFFFF"}) {
        const std::string code(blank);
        const std::string unblocking = block(test::unblocking_code);
        BOOST_REQUIRE_EQUAL(card.status("0024008110" + block("wrong") + unblocking), 0x63C2);
        BOOST_TEST(card.status("0024008110" + unblocking + code) == 0x6A80);
        BOOST_TEST(card.status("0024008110" + block("wrong") + unblocking) == 0x63C1); // nor the counter
        BOOST_TEST(card.status("002C008010" + unblocking + code) == 0x6A80);
        BOOST_TEST(card.status("0024008010" + block("123456") + code) == 0x6A80);
        BOOST_TEST(card.status("0024000010" + block(test::global_passcode) + code) == 0x6A80);
        BOOST_TEST(card.verify() == 0x9000);
        BOOST_TEST(unblock(card, test::unblocking_code, "123456") == 0x9000);
    }
    // With one byte that is another, it is a code like any other.
    for (const std::string_view near : {"0000000000000001", "FFFFFFFFFFFFFFFE"}) {
        PivCard other(setup);
        const std::string code(near);
        BOOST_TEST(other.status("0024008110" + block(test::unblocking_code) + code) == 0x9000);
        BOOST_TEST(other.status("002C008010" + code + block("123456")) == 0x9000);
    }
}

BOOST_AUTO_TEST_CASE(a_passcode_of_printable_characters_has_no_others) {
    test::Setup setup;
    setup.config.piv.passcode.digits_only = false;
    PivCard card(setup);
    BOOST_TEST(card.status("0024008010" + block("123456") + "2041427E4344FFFF") == 0x9000);
    for (const std::string_view other : {"1F41427E4344FFFF", "2041427F4344FFFF", "204142004344FFFF",
                                         "204142FE4344FFFF", "2041427E43440000"}) {
        BOOST_TEST(card.status("0024008010"
                               "2041427E4344FFFF" +
                               std::string(other)) == 0x6A80,
                   other);
        BOOST_TEST(card.status("002C008010" + block(test::unblocking_code) + std::string(other)) == 0x6A80,
                   other);
    }
    BOOST_TEST(card.status("0020008008"
                           "2041427E4344FFFF") == 0x9000);
}

BOOST_AUTO_TEST_CASE(an_older_card_has_four_digits) {
    test::Setup setup;
    setup.config.piv.passcode.min_length = 4;
    PivCard card(setup);
    BOOST_TEST(change(card, "123456", "1234") == 0x9000);
    BOOST_TEST(card.verify("1234") == 0x9000);
    BOOST_TEST(change(card, "1234", "123") == 0x6A80);
}

BOOST_AUTO_TEST_SUITE_END()
