// Key references and algorithms in all their combinations (SP 800-73-4 part 1, table 4b; part 2, 3.2.4 and
// 3.3.2). What single keys do is in piv_keys_test.cpp.
#include "tests/emulator/piv_card.h"
#include "tests/emulator/public_key.h"

#include "apdu/ber_tlv.h"

#include <boost/test/unit_test.hpp>

#include <map>
#include <string>
#include <vector>

namespace test = cardrig::tests;
namespace apdu = cardrig::apdu;
namespace emulator = cardrig::emulator;
using apdu::Bytes;
using apdu::CommandApdu;
using emulator::Algorithm;
using test::hex;
using test::PivCard;

namespace {

/// 9A, 9C, 9D, 9E, and the 20 of retired key management keys.
std::vector<std::uint8_t> key_references() {
    std::vector<std::uint8_t> all{0x9A, 0x9C, 0x9D, 0x9E};
    for (std::uint8_t retired = 0x82; retired <= 0x95; ++retired) {
        all.push_back(retired);
    }
    return all;
}

bool is_key_reference(unsigned value) {
    const auto all = key_references();
    return std::ranges::find(all, value) != all.end();
}

const std::map<std::uint8_t, Algorithm> asymmetric{{0x05, Algorithm::rsa3072}, {0x06, Algorithm::rsa1024},
                                                   {0x07, Algorithm::rsa2048}, {0x11, Algorithm::p256},
                                                   {0x14, Algorithm::p384},    {0x16, Algorithm::rsa4096}};

} // namespace

BOOST_AUTO_TEST_SUITE(piv_conformance_keys)

BOOST_AUTO_TEST_CASE(every_slot_has_a_key_of_its_own) {
    PivCard card;
    BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
    std::map<std::uint8_t, test::PublicKey> keys;
    for (const std::uint8_t reference : key_references()) {
        const auto made = card.send(CommandApdu(0x00, 0x47, 0x00, reference, hex("AC03800111"), 256));
        BOOST_REQUIRE_EQUAL(made.status.value(), 0x9000);
        keys.emplace(reference, test::PublicKey(made.data));
    }
    card.power_cycle();
    const Bytes digest = emulator::sha256(hex("CAFE"));
    for (const auto& [reference, key] : keys) {
        BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
        Bytes elements = hex("8200");
        apdu::append_tlv(elements, 0x81, digest);
        const auto answer =
            card.send(CommandApdu(0x00, 0x87, 0x11, reference, apdu::make_tlv(0x7C, elements), 256));
        BOOST_TEST_CONTEXT("key " << unsigned{reference}) {
            BOOST_REQUIRE_EQUAL(answer.status.value(), 0x9000);
            const auto outer = apdu::parse_tlvs(answer.data).value();
            const auto inner = apdu::parse_tlvs(outer.at(0).value).value();
            const auto signature = apdu::find_tlv(inner, 0x82).value();
            for (const auto& [other, other_key] : keys) {
                BOOST_TEST(other_key.verifies(signature, digest) == (other == reference));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(general_authenticate_knows_these_references_and_algorithms_alone) {
    PivCard card;
    BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
    for (unsigned reference = 0; reference <= 0xFF; ++reference) {
        for (unsigned algorithm = 0; algorithm <= 0xFF; ++algorithm) {
            const CommandApdu command(0x00, 0x87, static_cast<std::uint8_t>(algorithm),
                                      static_cast<std::uint8_t>(reference), hex("7C028100"), 256);
            const auto answer = card.send(command).status.value();
            // The management key is triple DES: 00 and 03. No other slot holds a key.
            const bool known = reference == 0x9B && (algorithm == 0x00 || algorithm == 0x03);
            if (answer != (known ? 0x9000 : 0x6A86)) {
                BOOST_ERROR("key " << reference << " algorithm " << algorithm << ": " << answer);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(generate_knows_these_references_alone) {
    PivCard card;
    BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
    for (unsigned reference = 0; reference <= 0xFF; ++reference) {
        const CommandApdu command(0x00, 0x47, 0x00, static_cast<std::uint8_t>(reference), hex("AC0380010F"),
                                  256);
        BOOST_TEST_CONTEXT("key " << reference) {
            // 0F is no algorithm: told only where there is such a key
            BOOST_TEST(card.send(command).status.value() == (is_key_reference(reference) ? 0x6A80 : 0x6A86));
        }
    }
}

BOOST_AUTO_TEST_CASE(generate_makes_keys_of_the_cards_algorithms_alone) {
    for (const auto& [offered_id, offered] : asymmetric) {
        if (emulator::is_rsa(offered)) {
            continue; // making them is in piv_keys_test.cpp
        }
        test::Setup setup;
        setup.config.piv.algorithms = {offered};
        PivCard card(setup);
        BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
        for (unsigned id = 0; id <= 0xFF; ++id) {
            Bytes parameters = hex("AC038001");
            parameters.push_back(static_cast<std::uint8_t>(id));
            const auto answer = card.send(CommandApdu(0x00, 0x47, 0x00, 0x9A, parameters, 256));
            BOOST_TEST_CONTEXT("algorithm " << id) {
                BOOST_TEST(answer.status.value() == (id == offered_id ? 0x9000 : 0x6A80));
            }
        }
    }
}

// A key is used with the algorithm that it has: another one that there is, is wrong data (SP 800-73-4 part 2,
// 3.2.4, table 9).
BOOST_AUTO_TEST_CASE(a_key_is_used_with_its_own_algorithm_alone) {
    test::Setup setup;
    setup.keys = {{0x9A, Algorithm::p256}, {0x9D, Algorithm::rsa1024}};
    setup.config.piv.algorithms = {Algorithm::p256, Algorithm::rsa1024};
    PivCard card(setup);
    BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
    for (const auto& [id, algorithm] : asymmetric) {
        for (const auto& [slot, own] :
             {std::pair{0x9A, Algorithm::p256}, std::pair{0x9D, Algorithm::rsa1024}}) {
            Bytes input(own == Algorithm::p256 ? 32 : 128, 0x11);
            Bytes elements = hex("8200");
            apdu::append_tlv(elements, 0x81, input);
            const auto answer = card.send(CommandApdu(0x00, 0x87, id, static_cast<std::uint8_t>(slot),
                                                      apdu::make_tlv(0x7C, elements), 256));
            BOOST_TEST_CONTEXT("key " << slot << " algorithm " << unsigned{id}) {
                BOOST_TEST(answer.status.value() == (algorithm == own ? 0x9000 : 0x6A80));
            }
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
