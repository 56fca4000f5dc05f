// The card's global passcode (SP 800-73-4 part 1, 3.3.2; part 2, 2.4.3 and 3.2), on cards that take it.
#include "tests/emulator/piv_card.h"

#include "emulator/piv/piv_application.h"

#include <boost/test/unit_test.hpp>

#include <string>
#include <string_view>

namespace test = cardrig::tests;
namespace emulator = cardrig::emulator;
using emulator::Algorithm;
using test::block;
using test::global_passcode;
using test::hex;
using test::PivCard;

namespace {

constexpr auto query_global = "00200000";
constexpr auto query_own = "00200080";
constexpr auto read_printed_information = "00CB3FFF055C035FC109";

test::Setup with_global_passcode() {
    test::Setup setup;
    setup.config.piv.global_passcode = emulator::PasscodeRules{6, 8, true, 5};
    setup.keys = {{0x9A, Algorithm::p256}, {0x9C, Algorithm::p256}, {0x9E, Algorithm::p256}};
    return setup;
}

struct GlobalCard : PivCard {
    explicit GlobalCard(const test::Setup& setup = with_global_passcode()) : PivCard(setup) {}

    std::uint16_t verify_global(std::string_view code = global_passcode) {
        return status("0020000008" + block(code));
    }
    std::uint16_t change_global(std::string_view from, std::string_view to) {
        return status("0024000010" + block(from) + block(to));
    }
    std::uint16_t sign(const char* slot) {
        return status(std::string("008711") + slot + "267C2482008120" + std::string(64, '5'));
    }
};

} // namespace

BOOST_AUTO_TEST_SUITE(piv_global_passcode)

BOOST_AUTO_TEST_CASE(a_card_without_one_does_not_know_the_reference) {
    PivCard card;
    for (const std::string& command :
         {std::string(query_global), "0020000008" + block(global_passcode), std::string("0020FF00"),
          "0024000010" + block(global_passcode) + block("123456"),
          "002C000010" + block(test::unblocking_code) + block("123456")}) {
        BOOST_TEST(card.status(command) == 0x6A88, command);
    }
}

// SP 800-73-4 part 1, 3.3.2: 60 10 with the application's own passcode as the primary one, 60 20 with the
// global one.
BOOST_AUTO_TEST_CASE(the_discovery_object_announces_it_and_says_which_passcode_to_use) {
    test::Setup setup = with_global_passcode();
    BOOST_TEST(PivCard(setup).get_data(0x7E).data == hex("7E12 4F0BA000000308000010000100 5F2F026010"));
    setup.config.piv.prefers_global_passcode = true;
    BOOST_TEST(PivCard(setup).get_data(0x7E).data == hex("7E12 4F0BA000000308000010000100 5F2F026020"));
}

BOOST_AUTO_TEST_CASE(it_has_a_counter_and_a_status_of_its_own) {
    GlobalCard card;
    BOOST_TEST(card.status(query_global) == 0x63C5);
    BOOST_TEST(card.verify_global("000000") == 0x63C4);
    BOOST_TEST(card.status(query_own) == 0x63C3);
    BOOST_TEST(card.verify("000000") == 0x63C2);
    BOOST_TEST(card.status(query_global) == 0x63C4);
    BOOST_TEST(card.verify_global() == 0x9000);
    BOOST_TEST(card.status(query_global) == 0x9000);
    BOOST_TEST(card.status(query_own) == 0x63C2);
    BOOST_TEST(card.verify("000000") == 0x63C1); // the one wrong does not end the other
    BOOST_TEST(card.status(query_global) == 0x9000);
    BOOST_TEST(card.verify() == 0x9000);
    BOOST_TEST(card.verify_global("000000") == 0x63C4);
    BOOST_TEST(card.status(query_own) == 0x9000);
    BOOST_TEST(card.status(query_global) == 0x63C4);
}

BOOST_AUTO_TEST_CASE(neither_passcode_passes_for_the_other) {
    GlobalCard card;
    BOOST_TEST(card.verify_global(test::passcode) == 0x63C4);
    BOOST_TEST(card.verify(global_passcode) == 0x63C2);
}

BOOST_AUTO_TEST_CASE(its_last_try_blocks_it_and_nothing_else) {
    GlobalCard card;
    for (const int answer : {0x63C4, 0x63C3, 0x63C2, 0x63C1, 0x63C0, 0x6983, 0x6983}) {
        BOOST_TEST(card.verify_global("000000") == answer);
    }
    BOOST_TEST(card.verify_global() == 0x6983);
    BOOST_TEST(card.status(query_global) == 0x6983);
    BOOST_TEST(card.change_global(global_passcode, "123456") == 0x6983);
    BOOST_TEST(card.verify() == 0x9000);
    // SP 800-73-4 part 2, 3.2.3: the application's unblocking code does not reach it.
    BOOST_TEST(card.status("002C000010" + block(test::unblocking_code) + block("123456")) == 0x6A88);
    BOOST_TEST(card.status("002C008010" + block(test::unblocking_code) + block("123456")) == 0x9000);
    BOOST_TEST(card.status(query_global) == 0x6983);
    card.power_cycle();
    BOOST_TEST(card.verify_global() == 0x6983);
}

BOOST_AUTO_TEST_CASE(either_passcode_opens_what_asks_for_one) {
    GlobalCard card;
    BOOST_TEST(card.status(read_printed_information) == 0x6982);
    BOOST_TEST(card.sign("9A") == 0x6982);
    BOOST_TEST(card.sign("9E") == 0x9000);
    BOOST_REQUIRE_EQUAL(card.verify_global(), 0x9000);
    BOOST_TEST(card.status(read_printed_information) == 0x6A82);
    BOOST_TEST(card.sign("9A") == 0x9000);
    BOOST_TEST(card.sign("9A") == 0x9000);
    BOOST_REQUIRE_EQUAL(card.verify("000000"), 0x63C2); // the global one is still good
    BOOST_TEST(card.sign("9A") == 0x9000);
    BOOST_TEST(card.status("0020FF00") == 0x9000);
    BOOST_TEST(card.status(query_global) == 0x63C5);
    BOOST_TEST(card.sign("9A") == 0x6982);
    BOOST_TEST(card.status(read_printed_information) == 0x6982);
}

BOOST_AUTO_TEST_CASE(each_signature_asks_for_one_of_the_two_anew) {
    for (const bool strict : {false, true}) {
        test::Setup setup = with_global_passcode();
        setup.config.piv.strict_signature_passcode = strict;
        GlobalCard card(setup);
        BOOST_REQUIRE_EQUAL(card.verify_global(), 0x9000);
        BOOST_TEST(card.sign("9C") == 0x9000);
        BOOST_TEST(card.sign("9C") == 0x6982);
        BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
        BOOST_TEST(card.sign("9C") == 0x9000);
        BOOST_TEST(card.sign("9C") == 0x6982);
        BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
        BOOST_REQUIRE_EQUAL(card.verify_global(), 0x9000);
        BOOST_TEST(card.sign("9C") == 0x9000);
        BOOST_TEST(card.sign("9C") == 0x6982); // both were shown for the one signature
        BOOST_REQUIRE_EQUAL(card.verify_global(), 0x9000);
        BOOST_REQUIRE_EQUAL(card.status(query_own), 0x9000);
        BOOST_TEST(card.sign("9C") == (strict ? 0x6982 : 0x9000));
    }
}

BOOST_AUTO_TEST_CASE(it_is_changed_like_the_other_one) {
    GlobalCard card;
    BOOST_TEST(card.change_global("000000", "24681357") == 0x63C4);
    BOOST_TEST(card.change_global(global_passcode, "12345") == 0x6A80);
    BOOST_TEST(card.status(query_global) == 0x63C4); // nothing changed
    BOOST_TEST(card.change_global(global_passcode, "24681357") == 0x9000);
    BOOST_TEST(card.status(query_global) == 0x9000);
    BOOST_TEST(card.status(query_own) == 0x63C3);
    card.power_cycle();
    BOOST_TEST(card.status(query_global) == 0x63C5);
    BOOST_TEST(card.verify_global() == 0x63C4);
    BOOST_TEST(card.verify_global("24681357") == 0x9000);
    BOOST_TEST(card.verify() == 0x9000); // the application's own is what it was
}

BOOST_AUTO_TEST_CASE(a_wrong_unblocking_code_ends_the_applications_status_alone) {
    GlobalCard card;
    BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
    BOOST_REQUIRE_EQUAL(card.verify_global(), 0x9000);
    BOOST_REQUIRE_EQUAL(card.status("002C008010" + block("wrong") + block("123456")), 0x63C2);
    BOOST_TEST(card.status(query_own) == 0x63C3);
    BOOST_TEST(card.status(query_global) == 0x9000);
}

BOOST_AUTO_TEST_CASE(reset_and_power_take_the_status_and_keep_the_counter) {
    GlobalCard card;
    for (const bool warm : {true, false}) {
        BOOST_REQUIRE_EQUAL(card.verify_global(), 0x9000);
        warm ? card.card().reset() : card.power_cycle();
        BOOST_TEST(card.status(query_global) == 0x63C5);
        BOOST_TEST(card.sign("9A") == 0x6982);
        BOOST_REQUIRE_EQUAL(card.verify_global("000000"), 0x63C4);
        warm ? card.card().reset() : card.power_cycle();
        BOOST_TEST(card.status(query_global) == 0x63C4);
    }
}

// SP 800-73-4 part 2, 3.1.1: what is the application's own becomes FALSE when another one is selected; the
// global status stays.
BOOST_AUTO_TEST_CASE(the_status_outlasts_the_selection_of_another_application) {
    const test::Setup setup = with_global_passcode();
    emulator::MemoryNvm memory{setup.config.geometry};
    test::personalise(memory, setup);
    const auto store = emulator::ObjectStore::mount(memory).value();
    emulator::CryptoContext crypto;
    emulator::ContextEntropy entropy{crypto};
    emulator::FreshKeys keys;
    test::StandingClock clock;
    emulator::GlobalStatus global;
    const auto piv =
        emulator::piv::make_application(*store, setup.config.piv, {crypto, entropy, keys, clock}, global);
    const auto send = [&piv](std::string_view command) {
        return piv->process(cardrig::apdu::CommandApdu::parse(hex(command)).value()).status.value();
    };
    const std::string sign_with_9c = "0087119C267C2482008120" + std::string(64, '5');
    BOOST_REQUIRE_EQUAL(send("0020008008" + block(test::passcode)), 0x9000);
    BOOST_REQUIRE_EQUAL(send("0020000008" + block(global_passcode)), 0x9000);
    piv->deselect();
    BOOST_TEST(send(query_own) == 0x63C3);
    BOOST_TEST(send(query_global) == 0x9000);
    BOOST_TEST(send(read_printed_information) == 0x6A82);
    BOOST_TEST(send(sign_with_9c) == 0x6982); // what was shown for a signature is not
    BOOST_REQUIRE_EQUAL(send("0020000008" + block(global_passcode)), 0x9000);
    BOOST_TEST(send(sign_with_9c) == 0x9000);
}

BOOST_AUTO_TEST_SUITE_END()
