// Codes, tries and the management key of a key token: set, brought back, and told by GET METADATA.
#include "tests/emulator/yubico_card.h"

#include "apdu/ber_tlv.h"

#include <boost/test/unit_test.hpp>

#include <fmt/format.h>

#include <string>

namespace test = cardrig::tests;
namespace apdu = cardrig::apdu;
namespace emulator = cardrig::emulator;
using apdu::Bytes;
using emulator::Algorithm;
using test::hex;
using test::PivCard;

namespace {

class Token : public PivCard {
public:
    explicit Token(const test::Setup& setup = test::yubico_setup()) : PivCard(setup) {}

    void log_in() {
        BOOST_REQUIRE_EQUAL(authenticate(), 0x9000);
        BOOST_REQUIRE_EQUAL(verify(), 0x9000);
    }
    [[nodiscard]] Bytes metadata(std::string_view reference) {
        const apdu::ResponseApdu answer =
            chained(apdu::CommandApdu(0x00, 0xF7, 0x00, hex(reference).at(0), {}, 256));
        BOOST_REQUIRE_EQUAL(answer.status.value(), 0x9000);
        return answer.data;
    }
    std::uint16_t change(std::string_view reference, std::string_view from, std::string_view to) {
        return status("002400" + std::string(reference) + "10" + test::block(from) + test::block(to));
    }
    std::uint16_t unblock(std::string_view code, std::string_view passcode) {
        return status("002C008010" + test::block(code) + test::block(passcode));
    }
    std::uint16_t set_management_key(Algorithm algorithm, const Bytes& key, bool touch = false) {
        Bytes data{static_cast<std::uint8_t>(algorithm), 0x9B, static_cast<std::uint8_t>(key.size())};
        data.insert(data.end(), key.begin(), key.end());
        return send(apdu::CommandApdu(0x00, 0xFF, 0xFF, touch ? 0xFE : 0xFF, data)).status.value();
    }
};

/// Of the whole range, also where its number spells no tag of ISO/IEC 7816-4.
std::uint16_t put_object(Token& card, apdu::Tag tag, std::size_t size) {
    Bytes field = hex(fmt::format("5C03{:06X}", tag));
    apdu::append_tlv(field, 0x53, Bytes(size, 0x11));
    return card.chained(apdu::CommandApdu(0x00, 0xDB, 0x3F, 0xFF, field)).status.value();
}

} // namespace

BOOST_AUTO_TEST_SUITE(piv_yubico_codes)

BOOST_AUTO_TEST_CASE(metadata_tell_factory_codes_and_tries) {
    Token card;
    BOOST_CHECK(card.metadata("80") == hex("0101FF 050101 06020303"));
    BOOST_CHECK(card.metadata("81") == hex("0101FF 050101 06020303"));
    BOOST_TEST(card.verify("999999") == 0x63C2);
    BOOST_CHECK(card.metadata("80") == hex("0101FF 050101 06020302"));
    BOOST_TEST(card.change("80", test::passcode, "654321") == 0x9000);
    BOOST_TEST(card.change("81", test::unblocking_code, "87654321") == 0x9000);
    BOOST_CHECK(card.metadata("80") == hex("0101FF 050100 06020303"));
    BOOST_CHECK(card.metadata("81") == hex("0101FF 050100 06020303"));
    BOOST_TEST(card.status("00F7009A") == 0x6A88);
    BOOST_TEST(card.status("00F700F9") == 0x6A88);
    BOOST_TEST(card.status("00F70000") == 0x6A88);
}

BOOST_AUTO_TEST_CASE(metadata_tell_the_management_key) {
    Token card;
    BOOST_CHECK(card.metadata("9B") == hex("010103 02020001 050101"));
    BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
    BOOST_TEST(card.set_management_key(Algorithm::aes128, Bytes(16, 0x42), true) == 0x9000);
    BOOST_CHECK(card.metadata("9B") == hex("010108 02020002 050100"));
    BOOST_TEST(card.set_management_key(Algorithm::triple_des, test::factory_management_key()) == 0x9000);
    BOOST_CHECK(card.metadata("9B") == hex("010103 02020001 050101"));
    // From 5.7 on the factory key is AES-192's.
    Token newer(test::yubico_setup(test::firmware_5_7));
    BOOST_CHECK(newer.metadata("9B") == hex("01010A 02020001 050101"));
    BOOST_REQUIRE_EQUAL(newer.authenticate(), 0x9000);
    BOOST_TEST(newer.set_management_key(Algorithm::triple_des, test::factory_management_key()) == 0x9000);
    BOOST_CHECK(newer.metadata("9B") == hex("010103 02020001 050100"));
}

BOOST_AUTO_TEST_CASE(a_new_management_key_replaces_the_old_one) {
    for (const Algorithm algorithm :
         {Algorithm::triple_des, Algorithm::aes128, Algorithm::aes192, Algorithm::aes256}) {
        Token card;
        BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
        const Bytes key(emulator::key_size(algorithm), 0x37);
        BOOST_TEST(card.set_management_key(algorithm, key) == 0x9000);
        BOOST_TEST(card.put_data(0x5FC102, hex("3000")) == 0x9000); // who set it is still trusted
        card.power_cycle();
        BOOST_TEST(card.authenticate() != 0x9000);
        BOOST_TEST(card.put_data(0x5FC102, hex("3000")) == 0x6982);
        BOOST_TEST(card.authenticate(algorithm, key) == 0x9000);
    }
}

BOOST_AUTO_TEST_CASE(a_management_key_of_the_wrong_form_is_refused) {
    Token card;
    BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
    const std::string key(48, '1');
    for (const std::string& data :
         {"039A18" + key, "039B17" + key, "119B18" + key, "559B18" + key, "089B18" + key,
          "039B18" + key + "11", "039B17" + key.substr(2), std::string("039B0000")}) {
        BOOST_TEST_CONTEXT(data) {
            const Bytes field = hex(data);
            BOOST_TEST(card.send(apdu::CommandApdu(0x00, 0xFF, 0xFF, 0xFF, field)).status.value() == 0x6A80);
        }
    }
    card.power_cycle();
    BOOST_TEST(card.authenticate() == 0x9000);
}

BOOST_AUTO_TEST_CASE(firmware_before_5_4_knows_triple_des_alone) {
    Token card(test::yubico_setup({5, 3, 1}));
    BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
    BOOST_TEST(card.set_management_key(Algorithm::aes128, Bytes(16, 0x42)) == 0x6A80);
    BOOST_TEST(card.set_management_key(Algorithm::triple_des, Bytes(24, 0x42)) == 0x9000);
}

BOOST_AUTO_TEST_CASE(setting_tries_needs_administrator_and_passcode) {
    Token card;
    BOOST_TEST(card.status("00FA0405") == 0x6982);
    BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
    BOOST_TEST(card.status("00FA0405") == 0x6982);
    card.power_cycle();
    BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
    BOOST_TEST(card.status("00FA0405") == 0x6982);
    BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
    for (const char* command : {"00FA0005", "00FA0400", "00FA0000", "00FA1005", "00FA0410", "00FAFFFF"}) {
        BOOST_TEST(card.status(command) == 0x6A80);
    }
    BOOST_CHECK(card.metadata("80") == hex("0101FF 050101 06020303"));
    BOOST_TEST(card.status("00FA0405") == 0x9000);
}

BOOST_AUTO_TEST_CASE(tries_set_last_and_factory_codes_are_back) {
    Token card;
    BOOST_TEST(card.change("80", test::passcode, "654321") == 0x9000);
    BOOST_TEST(card.change("81", test::unblocking_code, "87654321") == 0x9000);
    BOOST_REQUIRE_EQUAL(card.unblock("99999999", "222222"), 0x63C2);
    BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
    BOOST_REQUIRE_EQUAL(card.verify("654321"), 0x9000);
    BOOST_TEST(card.status("00FA050F") == 0x9000);
    BOOST_TEST(card.status("00200080") == 0x63C5); // what was verified is no passcode any more
    BOOST_TEST(card.status("00FA0303") == 0x6982);
    for (int twice = 0; twice < 2; ++twice) {
        BOOST_CHECK(card.metadata("80") == hex("0101FF 050101 06020505"));
        BOOST_CHECK(card.metadata("81") == hex("0101FF 050101 06020F0F"));
        card.power_cycle();
    }
    BOOST_TEST(card.verify("654321") == 0x63C4);
    BOOST_TEST(card.verify(test::passcode) == 0x9000);
    BOOST_TEST(card.status("00200080") == 0x9000);
    BOOST_CHECK(card.metadata("80") == hex("0101FF 050101 06020505")); // a right one brings all five back
    BOOST_TEST(card.unblock("87654321", "222222") == 0x63CE);
    BOOST_TEST(card.unblock(test::unblocking_code, "222222") == 0x9000);
    BOOST_CHECK(card.metadata("80") == hex("0101FF 050100 06020505"));
    BOOST_CHECK(card.metadata("81") == hex("0101FF 050101 06020F0F"));
    card.power_cycle();
    for (const int answer : {0x63C4, 0x63C3, 0x63C2, 0x63C1, 0x63C0, 0x6983}) {
        BOOST_TEST(card.verify("999999") == answer);
    }
}

BOOST_AUTO_TEST_CASE(a_lower_limit_holds_at_once) {
    Token card;
    card.log_in();
    BOOST_TEST(card.status("00FA0101") == 0x9000);
    BOOST_TEST(card.verify("999999") == 0x63C0);
    BOOST_TEST(card.verify() == 0x6983);
    BOOST_TEST(card.unblock("99999999", "222222") == 0x63C0);
    BOOST_TEST(card.unblock(test::unblocking_code, "222222") == 0x6983);
}

BOOST_AUTO_TEST_CASE(a_reset_needs_both_codes_blocked) {
    Token card;
    BOOST_TEST(card.status("00FB0000") == 0x6985);
    card.log_in();
    BOOST_TEST(card.status("00FB0000") == 0x6985);
    for (int tries = 3; tries > 0; --tries) {
        (void)card.verify("999999");
    }
    BOOST_TEST(card.status("00FB0000") == 0x6985);
    BOOST_TEST(card.unblock(test::unblocking_code, test::passcode) == 0x9000);
    for (int tries = 3; tries > 0; --tries) {
        (void)card.unblock("99999999", "222222");
    }
    BOOST_TEST(card.status("00FB0000") == 0x6985);
    test::block_codes(card);
    BOOST_TEST(card.status("00FB0000") == 0x9000);
}

BOOST_AUTO_TEST_CASE(a_reset_brings_the_factory_state_back) {
    test::Setup setup = test::yubico_setup();
    setup.keys = {{0x9A, Algorithm::p256}, {0x82, Algorithm::p256}, {0xF9, Algorithm::p256}};
    Token card(setup);
    card.log_in();
    BOOST_REQUIRE_EQUAL(card.status("00FA0709"), 0x9000);
    BOOST_REQUIRE_EQUAL(card.change("81", test::unblocking_code, "87654321"), 0x9000);
    BOOST_REQUIRE_EQUAL(card.set_management_key(Algorithm::aes256, Bytes(32, 0x37), true), 0x9000);
    for (const apdu::Tag tag : {0x5FC105U, 0x5FC102U, 0x5FC10DU, 0x7EU, 0x5FFF00U, 0x5FFF01U}) {
        BOOST_REQUIRE_EQUAL(card.put_data(tag, hex("8001AA")), 0x9000);
    }
    test::block_codes(card);
    BOOST_TEST(card.status("00FB0000") == 0x9000);
    BOOST_TEST(card.put_data(0x5FC105, hex("8000")) == 0x6982); // nobody is authenticated any more
    for (int twice = 0; twice < 2; ++twice) {
        BOOST_CHECK(card.metadata("80") == hex("0101FF 050101 06020303"));
        BOOST_CHECK(card.metadata("81") == hex("0101FF 050101 06020303"));
        BOOST_CHECK(card.metadata("9B") == hex("010103 02020001 050101"));
        for (const char* gone : {"00F7009A", "00F70082"}) {
            BOOST_TEST(card.status(gone) == 0x6A88);
        }
        for (const apdu::Tag tag : {0x5FC105U, 0x5FC102U, 0x5FC10DU, 0x5FFF00U}) {
            BOOST_TEST(card.get_data(tag).status.value() == 0x6A82);
        }
        BOOST_TEST(card.metadata("F9").size() > 60U); // these stay
        BOOST_CHECK(card.get_data(0x5FFF01).data == hex("53038001AA"));
        BOOST_CHECK(card.send("00F8000000").data == hex("00BC614E"));
        card.power_cycle();
    }
    BOOST_TEST(card.verify() == 0x9000);
    BOOST_TEST(card.authenticate() == 0x9000);
    BOOST_TEST(card.unblock(test::unblocking_code, "222222") == 0x9000);
}

BOOST_AUTO_TEST_CASE(a_reset_ends_the_status_of_a_global_passcode_and_keeps_its_value) {
    test::Setup setup = test::yubico_setup();
    setup.config.piv.global_passcode.emplace();
    Token card(setup);
    const std::string shown = "0020000008" + test::block(test::global_passcode);
    BOOST_REQUIRE_EQUAL(card.status(shown), 0x9000);
    test::block_codes(card);
    BOOST_REQUIRE_EQUAL(card.status("00200000"), 0x9000);
    BOOST_REQUIRE_EQUAL(card.status("00FB0000"), 0x9000);
    BOOST_TEST(card.status("00200000") == 0x63C3);
    BOOST_TEST(card.status("00CB3FFF055C035FC10900") == 0x6982);
    BOOST_TEST(card.status(shown) == 0x9000);
}

BOOST_AUTO_TEST_CASE(a_reset_of_newer_firmware_brings_an_aes_key) {
    Token card(test::yubico_setup(test::firmware_5_7));
    BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
    BOOST_REQUIRE_EQUAL(card.set_management_key(Algorithm::aes256, Bytes(32, 0x37)), 0x9000);
    test::block_codes(card);
    BOOST_TEST(card.status("00FB0000") == 0x9000);
    BOOST_CHECK(card.metadata("9B") == hex("01010A 02020001 050101"));
    BOOST_TEST(card.authenticate(Algorithm::aes192, test::factory_management_key()) == 0x9000);
}

BOOST_AUTO_TEST_CASE(a_reset_works_on_a_memory_that_is_full) {
    for (const emulator::NvmGeometry geometry :
         {emulator::NvmGeometry{}, emulator::NvmGeometry{128, 8, 32}, emulator::NvmGeometry{64, 4, 64},
          emulator::NvmGeometry{32, 64, 32}}) {
        test::Setup setup = test::yubico_setup();
        setup.config.geometry = geometry;
        Token card(setup);
        BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
        apdu::Tag tag = 0x5FFF10;
        for (const std::size_t size : {200U, 8U}) {
            while (tag < 0x5FFFFF && put_object(card, tag, size) == 0x9000) {
                ++tag;
            }
        }
        BOOST_TEST(tag > 0x5FFF18U);
        test::block_codes(card);
        BOOST_TEST(card.status("00FB0000") == 0x9000);
        for (apdu::Tag each = 0x5FFF10; each <= tag; ++each) {
            BOOST_TEST(card.send(fmt::format("00CB3FFF055C03{:06X}00", each)).status.value() == 0x6A82);
        }
        BOOST_TEST(card.verify() == 0x9000);
    }
}

BOOST_AUTO_TEST_SUITE_END()
