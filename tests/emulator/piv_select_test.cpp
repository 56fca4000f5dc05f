// SELECT of the PIV application (SP 800-73-4 part 2, 3.1.1).
#include "tests/emulator/piv_card.h"

#include "emulator/piv/piv_application.h"

#include <boost/test/unit_test.hpp>

namespace test = cardrig::tests;
namespace emulator = cardrig::emulator;
using emulator::Algorithm;
using test::hex;
using test::PivCard;

BOOST_AUTO_TEST_SUITE(piv_select)

BOOST_AUTO_TEST_CASE(right_truncated_identifiers_select) {
    for (const char* command :
         {"00A404000BA000000308000010000100", "00A404000BA00000030800001000010000",
          "00A4040009A00000030800001000", "00A4040009A0000003080000100000", "00A4040005A000000308"}) {
        PivCard card;
        const auto answer = card.send(command);
        BOOST_TEST_CONTEXT(command) {
            BOOST_TEST(answer.status.value() == 0x9000);
            BOOST_TEST(answer.data.size() < 256U);
            BOOST_TEST(answer.data.at(0) == 0x61);
        }
    }
}

BOOST_AUTO_TEST_CASE(other_identifiers_do_not_select) {
    PivCard card;
    for (const char* command :
         {"00A4040004A0000003", "00A404000BA000000308000010000200", "00A404000CA00000030800001000010000",
          "00A4040005A000000309", "00A404000AA00000030800001001FF"}) {
        BOOST_TEST_CONTEXT(command) {
            BOOST_TEST(card.status(command) == 0x6A82);
        }
    }
}

BOOST_AUTO_TEST_CASE(parameters_other_than_by_identifier_are_refused) {
    PivCard card;
    BOOST_TEST(card.status("00A4000005A000000308") == 0x6A86);
    BOOST_TEST(card.status("00A4040C05A000000308") == 0x6A86);
    BOOST_TEST(card.status("00A4040205A000000308") == 0x6A86);
}

// The same bytes as the template of shipping cards, 61 ... 4F 06 000010000100 79 07 4F 05 A000000308, with
// the list of algorithms behind them.
BOOST_AUTO_TEST_CASE(property_template_names_identifier_authority_and_algorithms) {
    test::Setup setup;
    setup.config.piv.algorithms = {Algorithm::rsa2048, Algorithm::p256};
    setup.management_algorithm = Algorithm::aes128;
    PivCard card(setup);
    BOOST_TEST(card.send("00A4040005A000000308").data ==
               hex("611F 4F06000010000100 79074F05A000000308 AC0C 800107 800111 800108 060100"));
}

BOOST_AUTO_TEST_CASE(selecting_again_keeps_every_status) {
    PivCard card;
    BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
    BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
    BOOST_REQUIRE_EQUAL(card.status("00A4040009A0000003080000100000"), 0x9000);
    BOOST_TEST(card.status("00200080") == 0x9000);
    BOOST_TEST(card.put_data(0x5FC102, hex("3000")) == 0x9000);
}

BOOST_AUTO_TEST_CASE(another_application_clears_statuses) {
    const test::Setup setup;
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
    const cardrig::apdu::CommandApdu query(0x00, 0x20, 0x00, 0x80);
    BOOST_REQUIRE_EQUAL(
        piv->process({0x00, 0x20, 0x00, 0x80, hex(test::block(test::passcode))}).status.value(), 0x9000);
    BOOST_REQUIRE_EQUAL(piv->process(query).status.value(), 0x9000);
    piv->deselect();
    BOOST_TEST(piv->process(query).status.value() == 0x63C3);
}

BOOST_AUTO_TEST_SUITE_END()
