// Authentication with the management key, seen from the host's side (SP 800-73-4 part 2, appendix A.1).
#include "tests/emulator/piv_card.h"

#include "apdu/ber_tlv.h"

#include <boost/test/unit_test.hpp>

#include <set>
#include <string>

namespace test = cardrig::tests;
namespace apdu = cardrig::apdu;
namespace emulator = cardrig::emulator;
using apdu::Bytes;
using apdu::CommandApdu;
using apdu::ResponseApdu;
using emulator::Algorithm;
using test::hex;
using test::PivCard;

namespace {

/// The host: knows the key, and speaks 7C templates.
class Host {
public:
    explicit Host(Algorithm algorithm = Algorithm::triple_des)
        : algorithm_(algorithm), card_([algorithm] {
              test::Setup setup;
              setup.management_algorithm = algorithm;
              return setup;
          }()) {}

    [[nodiscard]] PivCard& card() { return card_; }

    [[nodiscard]] Bytes challenge() { return value(send(hex("8100")), 0x81); }
    [[nodiscard]] Bytes witness() { return value(send(hex("8000")), 0x80); }
    [[nodiscard]] Bytes encrypt(const Bytes& block) {
        return emulator::encrypt_block(card_.crypto(), algorithm_, test::management_key(algorithm_), block);
    }
    [[nodiscard]] Bytes decrypt(const Bytes& block) {
        return emulator::decrypt_block(card_.crypto(), algorithm_, test::management_key(algorithm_), block);
    }
    [[nodiscard]] std::uint16_t respond(const Bytes& response) {
        return send(apdu::make_tlv(0x82, response)).status.value();
    }
    [[nodiscard]] ResponseApdu send(const Bytes& elements) {
        return card_.send(CommandApdu(0x00, 0x87, static_cast<std::uint8_t>(algorithm_), 0x9B,
                                      apdu::make_tlv(0x7C, elements), 256));
    }
    /// Whether the card lets the host write.
    [[nodiscard]] bool authenticated() { return card_.put_data(0x5FC102, hex("3000")) == 0x9000; }

    [[nodiscard]] static Bytes value(const ResponseApdu& response, apdu::Tag tag) {
        BOOST_REQUIRE_EQUAL(response.status.value(), 0x9000);
        const auto outer = apdu::parse_tlvs(response.data).value();
        const auto inner = apdu::parse_tlvs(outer.at(0).value).value();
        BOOST_REQUIRE_EQUAL(inner.size(), 1U);
        const auto found = apdu::find_tlv(inner, tag).value();
        return {found.begin(), found.end()};
    }

private:
    Algorithm algorithm_;
    PivCard card_;
};

const std::vector<Algorithm> symmetric{Algorithm::triple_des, Algorithm::aes128, Algorithm::aes192,
                                       Algorithm::aes256};

} // namespace

BOOST_AUTO_TEST_SUITE(piv_management_key)

BOOST_AUTO_TEST_CASE(external_authentication_with_every_algorithm) {
    for (const Algorithm algorithm : symmetric) {
        Host host(algorithm);
        BOOST_TEST(!host.authenticated());
        const Bytes challenge = host.challenge();
        BOOST_TEST(challenge.size() == emulator::block_size(algorithm));
        BOOST_TEST(host.respond(host.encrypt(challenge)) == 0x9000);
        BOOST_TEST(host.authenticated());
    }
}

BOOST_AUTO_TEST_CASE(mutual_authentication_with_every_algorithm) {
    for (const Algorithm algorithm : symmetric) {
        Host host(algorithm);
        const Bytes question(emulator::block_size(algorithm), 0x42);
        Bytes elements = apdu::make_tlv(0x80, host.decrypt(host.witness()));
        apdu::append_tlv(elements, 0x81, question);
        BOOST_TEST(Host::value(host.send(elements), 0x82) == host.encrypt(question));
        BOOST_TEST(host.authenticated());
    }
}

// ISO/IEC 7816-4, 7.5.5: P1 00 leaves the algorithm to the key. Deviates from SP 800-78-4, table 6-2, which
// has 00 as triple DES whatever the key is.
BOOST_AUTO_TEST_CASE(algorithm_00_is_the_keys_own) {
    for (const Algorithm algorithm : symmetric) {
        Host host(algorithm);
        const auto send = [&host](const Bytes& elements) {
            return host.card().send(CommandApdu(0x00, 0x87, 0x00, 0x9B, apdu::make_tlv(0x7C, elements), 256));
        };
        const Bytes challenge = Host::value(send(hex("8100")), 0x81);
        BOOST_TEST(challenge.size() == emulator::block_size(algorithm));
        BOOST_TEST(send(apdu::make_tlv(0x82, host.encrypt(challenge))).status.value() == 0x9000);
        BOOST_TEST(host.authenticated());
        BOOST_TEST(send(apdu::make_tlv(0x82, challenge)).status.value() == 0x6985);
        BOOST_TEST(!host.authenticated());
    }
}

BOOST_AUTO_TEST_CASE(mutual_authentication_takes_its_elements_in_any_order) {
    Host host;
    const Bytes question(8, 0x42);
    Bytes elements = hex("8200");
    const Bytes proof = host.decrypt(host.witness());
    apdu::append_tlv(elements, 0x81, question);
    apdu::append_tlv(elements, 0x80, proof);
    BOOST_TEST(Host::value(host.send(elements), 0x82) == host.encrypt(question));
}

BOOST_AUTO_TEST_CASE(internal_authentication_shows_that_the_card_has_the_key) {
    for (const Algorithm algorithm : symmetric) {
        Host host(algorithm);
        const Bytes question(emulator::block_size(algorithm), 0x42);
        Bytes elements = hex("8200");
        apdu::append_tlv(elements, 0x81, question);
        BOOST_TEST(Host::value(host.send(elements), 0x82) == host.encrypt(question));
        BOOST_TEST(!host.authenticated());
    }
}

BOOST_AUTO_TEST_CASE(the_card_cannot_be_made_to_answer_its_own_challenge) {
    Host host;
    const Bytes challenge = host.challenge();
    Bytes elements = hex("8200");
    apdu::append_tlv(elements, 0x81, challenge);
    const Bytes answer = Host::value(host.send(elements), 0x82);
    BOOST_TEST(host.respond(answer) == 0x6985);
    BOOST_TEST(!host.authenticated());
}

// The 3DES value by openssl enc -des-ede3 -nopad, the AES one by openssl enc -aes-128-ecb -nopad.
BOOST_AUTO_TEST_CASE(the_cryptogram_is_one_block_in_ecb) {
    Host triple_des;
    BOOST_TEST(triple_des.send(hex("82008108 0011223344556677")).data == hex("7C0A8208 26604D88E55BD3E7"));
    Host aes(Algorithm::aes128);
    BOOST_TEST(aes.send(hex("82008110 00112233445566778899AABBCCDDEEFF")).data ==
               hex("7C128210 748A7CD2C60F936F20F5A1FC1C1E36E3"));
}

BOOST_AUTO_TEST_CASE(a_challenge_is_good_once) {
    Host host;
    const Bytes challenge = host.challenge();
    BOOST_REQUIRE_EQUAL(host.respond(host.encrypt(challenge)), 0x9000);
    BOOST_TEST(host.respond(host.encrypt(challenge)) == 0x6985);
    BOOST_TEST(!host.authenticated());
}

BOOST_AUTO_TEST_CASE(a_challenge_is_good_for_the_next_command_only) {
    for (const char* other :
         {"00200080", "00CB3FFF035C017E00", "00A4040005A000000308", "00A4040005A0000003FF", "00FD0000", "00",
          "00C0000000", "00C00100", "00C0000001AA", "80200080", "0087039B047C028000", "0087039B"}) {
        Host host;
        const Bytes challenge = host.challenge();
        (void)host.card().send(other);
        BOOST_TEST_CONTEXT(other) {
            BOOST_TEST(host.respond(host.encrypt(challenge)) == 0x6985);
            BOOST_TEST(!host.authenticated());
        }
    }
}

BOOST_AUTO_TEST_CASE(a_chain_that_is_broken_off_makes_the_challenge_void) {
    Host host;
    const Bytes challenge = host.challenge();
    BOOST_REQUIRE_EQUAL(host.card().status("10DB3FFF015C"), 0x9000);
    BOOST_TEST(host.respond(host.encrypt(challenge)) == 0x6985);
}

BOOST_AUTO_TEST_CASE(a_response_may_come_as_a_chain) {
    Host host;
    Bytes template_bytes = apdu::make_tlv(0x82, host.encrypt(host.challenge()));
    template_bytes = apdu::make_tlv(0x7C, template_bytes);
    BOOST_TEST(host.card().chained({0x00, 0x87, 0x03, 0x9B, template_bytes}, 5).status.value() == 0x9000);
    BOOST_TEST(host.authenticated());
}

BOOST_AUTO_TEST_CASE(a_witness_is_no_challenge) {
    Host host;
    const Bytes witness = host.witness();
    BOOST_TEST(host.respond(host.encrypt(witness)) == 0x6985);
    const Bytes challenge = host.challenge();
    Bytes elements = apdu::make_tlv(0x80, challenge);
    apdu::append_tlv(elements, 0x81, challenge);
    BOOST_TEST(host.send(elements).status.value() == 0x6985);
}

BOOST_AUTO_TEST_CASE(a_wrong_response_ends_an_earlier_authentication) {
    Host host;
    BOOST_REQUIRE_EQUAL(host.respond(host.encrypt(host.challenge())), 0x9000);
    BOOST_REQUIRE(host.authenticated());
    Bytes wrong = host.encrypt(host.challenge());
    wrong.back() ^= 1U;
    BOOST_TEST(host.respond(wrong) == 0x6982);
    BOOST_TEST(!host.authenticated());

    Bytes proof = host.decrypt(host.witness());
    proof.front() ^= 0x80U;
    Bytes elements = apdu::make_tlv(0x80, proof);
    apdu::append_tlv(elements, 0x81, Bytes(8));
    BOOST_TEST(host.send(elements).status.value() == 0x6982);
    BOOST_TEST(!host.authenticated());
}

BOOST_AUTO_TEST_CASE(any_authentication_that_fails_ends_an_earlier_one) {
    struct Failure {
        const char* command;
        std::uint16_t status;
    };
    for (const Failure& failure :
         {Failure{"0087039B", 0x6A80}, Failure{"0087039B027C00", 0x6A80}, Failure{"0087039B0200FF", 0x6A80},
          Failure{"0087039B0C7C0A82080000000000000000", 0x6985},  // unasked
          Failure{"0087039B047C028200", 0x6A80},                  // an empty response
          Failure{"0087039B087C068200850204FF", 0x6A80},          // nothing to agree on
          Failure{"0087039B077C05820081015A", 0x6A80},            // no block
          Failure{"0087089B0C7C0A82080000000000000000", 0x6A86},  // AES, and the key is none
          Failure{"0087079B0C7C0A82080000000000000000", 0x6A86},  // RSA
          Failure{"0087559B0C7C0A82080000000000000000", 0x6A86}}) // nothing known
    {
        Host host;
        BOOST_REQUIRE_EQUAL(host.respond(host.encrypt(host.challenge())), 0x9000);
        BOOST_REQUIRE(host.authenticated());
        BOOST_TEST_CONTEXT(failure.command) {
            BOOST_TEST(host.card().status(failure.command) == failure.status);
            BOOST_TEST(!host.authenticated());
        }
    }
}

BOOST_AUTO_TEST_CASE(asking_and_other_keys_leave_an_authentication_alone) {
    for (const char* other : {"0087039B047C028000", "0087039B047C028100", "0087089B047C028100",
                              "0087119A027C00", "0087079C027C00", "0087039A027C00"}) {
        Host host;
        BOOST_REQUIRE_EQUAL(host.respond(host.encrypt(host.challenge())), 0x9000);
        (void)host.card().status(other);
        BOOST_TEST(host.authenticated(), other);
    }
}

BOOST_AUTO_TEST_CASE(lengths_other_than_a_block_are_refused) {
    Host host;
    Bytes response = host.encrypt(host.challenge());
    response.pop_back();
    BOOST_TEST(host.respond(response) == 0x6A80);
    Bytes elements = apdu::make_tlv(0x80, host.decrypt(host.witness()));
    apdu::append_tlv(elements, 0x81, Bytes(7));
    BOOST_TEST(host.send(elements).status.value() == 0x6A80);
    BOOST_TEST(!host.authenticated());
}

BOOST_AUTO_TEST_CASE(asking_for_a_challenge_touches_no_status_and_never_repeats) {
    for (const Algorithm algorithm : {Algorithm::triple_des, Algorithm::aes256}) {
        Host host(algorithm);
        BOOST_REQUIRE_EQUAL(host.card().verify(), 0x9000);
        BOOST_REQUIRE_EQUAL(host.respond(host.encrypt(host.challenge())), 0x9000);
        std::set<std::string> seen;
        for (int i = 0; i < 100; ++i) {
            const ResponseApdu random = host.card().send("0087009B047C02810000");
            BOOST_TEST(seen.insert(apdu::to_hex(Host::value(random, 0x81))).second);
        }
        BOOST_TEST(host.card().status("00200080") == 0x9000);
        BOOST_TEST(host.authenticated());
    }
}

BOOST_AUTO_TEST_SUITE_END()
