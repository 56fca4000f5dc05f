#include "apdu/command_apdu.h"

#include <stdexcept>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

namespace apdu = cardrig::apdu;
using apdu::Bytes;
using apdu::CommandApdu;

namespace {

Bytes hex(std::string_view text) {
    return apdu::from_hex(text).value();
}

Bytes operator+(Bytes left, const Bytes& right) {
    left.insert(left.end(), right.begin(), right.end());
    return left;
}

const Bytes header = hex("00 CB 3F FF");

void check_form(const Bytes& bytes, std::size_t nc, std::optional<std::uint32_t> ne, bool extended) {
    const auto parsed = CommandApdu::parse(bytes);
    BOOST_REQUIRE_MESSAGE(parsed.has_value(), apdu::to_hex(apdu::ByteView(bytes).first(4)));
    BOOST_TEST(parsed->cla() == 0x00);
    BOOST_TEST(parsed->ins() == 0xCB);
    BOOST_TEST(parsed->p1() == 0x3F);
    BOOST_TEST(parsed->p2() == 0xFF);
    BOOST_TEST(parsed->nc() == nc);
    BOOST_CHECK(parsed->data() == Bytes(nc, 0xAA));
    BOOST_CHECK(parsed->ne() == ne);
    BOOST_TEST(parsed->extended() == extended);
    BOOST_CHECK(parsed->encode() == bytes);
}

void check_refused(const Bytes& bytes) {
    const auto parsed = CommandApdu::parse(bytes);
    BOOST_REQUIRE_MESSAGE(!parsed.has_value(), "accepted " << bytes.size() << " bytes");
    BOOST_TEST(!parsed.error().message.empty());
}

Bytes data(std::size_t count) {
    return Bytes(count, 0xAA);
}

} // namespace

BOOST_AUTO_TEST_SUITE(command_apdu)

BOOST_AUTO_TEST_CASE(case_1_is_a_header_alone) {
    check_form(header, 0, std::nullopt, false);
}

BOOST_AUTO_TEST_CASE(case_2_short_has_one_byte_of_le) {
    check_form(header + hex("01"), 0, 1, false);
    check_form(header + hex("FF"), 0, 255, false);
    check_form(header + hex("00"), 0, 256, false);
}

BOOST_AUTO_TEST_CASE(case_3_short_has_lc_and_data) {
    check_form(header + hex("01") + data(1), 1, std::nullopt, false);
    check_form(header + hex("FE") + data(254), 254, std::nullopt, false);
    check_form(header + hex("FF") + data(255), 255, std::nullopt, false);
}

BOOST_AUTO_TEST_CASE(case_4_short_has_lc_data_and_one_byte_of_le) {
    check_form(header + hex("01") + data(1) + hex("01"), 1, 1, false);
    check_form(header + hex("FF") + data(255) + hex("FF"), 255, 255, false);
    check_form(header + hex("FF") + data(255) + hex("00"), 255, 256, false);
}

BOOST_AUTO_TEST_CASE(case_2_extended_has_three_bytes_of_le) {
    check_form(header + hex("00 0001"), 0, 1, true);
    check_form(header + hex("00 0100"), 0, 256, true);
    check_form(header + hex("00 FFFF"), 0, 65535, true);
    check_form(header + hex("00 0000"), 0, 65536, true);
}

BOOST_AUTO_TEST_CASE(case_3_extended_has_three_bytes_of_lc_and_data) {
    check_form(header + hex("00 0001") + data(1), 1, std::nullopt, true);
    check_form(header + hex("00 00FF") + data(255), 255, std::nullopt, true);
    check_form(header + hex("00 0100") + data(256), 256, std::nullopt, true);
    check_form(header + hex("00 FFFF") + data(65535), 65535, std::nullopt, true);
}

BOOST_AUTO_TEST_CASE(case_4_extended_has_three_bytes_of_lc_data_and_two_bytes_of_le) {
    check_form(header + hex("00 0001") + data(1) + hex("0001"), 1, 1, true);
    check_form(header + hex("00 0100") + data(256) + hex("0100"), 256, 256, true);
    check_form(header + hex("00 FFFF") + data(65535) + hex("FFFF"), 65535, 65535, true);
    check_form(header + hex("00 FFFF") + data(65535) + hex("0000"), 65535, 65536, true);
}

BOOST_AUTO_TEST_CASE(a_header_cut_off_is_refused) {
    for (std::size_t size = 0; size < 4; ++size) {
        check_refused(Bytes(size, 0x00));
    }
}

BOOST_AUTO_TEST_CASE(data_cut_off_is_refused) {
    check_refused(header + hex("02") + data(1));
    check_refused(header + hex("FF") + data(254));
    check_refused(header + hex("00 0002") + data(1));
    check_refused(header + hex("00 0100") + data(255));
    check_refused(header + hex("00 FFFF") + data(65534));
}

BOOST_AUTO_TEST_CASE(surplus_bytes_are_refused) {
    check_refused(header + hex("01") + data(1) + hex("0000"));
    check_refused(header + hex("FF") + data(255) + hex("0000"));
    check_refused(header + hex("00 0001") + data(1) + hex("000000"));
    check_refused(header + hex("00 FFFF") + data(65535) + hex("000000"));
}

BOOST_AUTO_TEST_CASE(an_extended_command_has_no_short_le) {
    check_refused(header + hex("00 0001") + data(1) + hex("00"));
    check_refused(header + hex("00 0100") + data(256) + hex("00"));
}

BOOST_AUTO_TEST_CASE(an_extended_length_cut_off_or_of_nothing_is_refused) {
    check_refused(header + hex("0000"));
    check_refused(header + hex("0001"));
    check_refused(header + hex("000000") + hex("00"));
    check_refused(header + hex("000000") + hex("0000"));
    check_refused(header + hex("000000") + data(256));
}

// ISO/IEC 7816-3, 12.1.3 lists the seven forms by total length L and the length bytes B1, B2 B3 behind the
// header. Every total length up to 600 with every B1 and telling values of B2 B3 is compared with that list.
BOOST_AUTO_TEST_CASE(exactly_what_the_standard_lists_is_accepted) {
    std::size_t accepted = 0;
    for (std::size_t body = 0; body <= 600; ++body) {
        for (const unsigned b1 : {0U, 1U, 2U, 127U, 128U, 254U, 255U}) {
            for (const std::size_t b2b3 : {0UL, 1UL, 2UL, 255UL, 256UL, 300UL, 511UL, 65535UL}) {
                Bytes bytes = header + data(body);
                const std::vector<unsigned> lengths{b1, static_cast<unsigned>(b2b3 >> 8U),
                                                    static_cast<unsigned>(b2b3 & 0xFFU)};
                for (std::size_t i = 0; i < lengths.size() && i < body; ++i) {
                    bytes[4 + i] = static_cast<std::uint8_t>(lengths[i]);
                }
                const bool short_form = body <= 1 || (b1 != 0 && (body == 1 + b1 || body == 2 + b1));
                const bool extended_form =
                    b1 == 0 && (body == 3 || (b2b3 != 0 && (body == 3 + b2b3 || body == 5 + b2b3)));
                const auto parsed = CommandApdu::parse(bytes);
                BOOST_REQUIRE_EQUAL(parsed.has_value(), short_form || extended_form);
                if (parsed) {
                    BOOST_REQUIRE_EQUAL(parsed->extended(), !short_form);
                    BOOST_REQUIRE(parsed->encode() == bytes);
                    ++accepted;
                }
            }
        }
    }
    BOOST_TEST(accepted > 100U);
}

BOOST_AUTO_TEST_CASE(parse_reads_what_encode_writes) {
    const std::vector<std::optional<std::uint32_t>> nes{std::nullopt, 1, 255, 256, 257, 65535, 65536};
    for (const std::size_t nc : {0U, 1U, 254U, 255U, 256U, 257U, 65534U, 65535U}) {
        for (const auto& ne : nes) {
            for (const bool extended : {false, true}) {
                const CommandApdu command(0x10, 0xDB, 0x3F, 0xFF, data(nc), ne, extended);
                const auto parsed = CommandApdu::parse(command.encode());
                BOOST_REQUIRE(parsed.has_value());
                BOOST_REQUIRE(*parsed == command);
                BOOST_REQUIRE(parsed->ne() == ne);
                BOOST_REQUIRE_EQUAL(parsed->nc(), nc);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(extended_length_is_used_only_where_needed_or_asked_for) {
    BOOST_TEST(!CommandApdu(0, 0xCB, 0, 0, data(255), 256).extended());
    BOOST_TEST(CommandApdu(0, 0xCB, 0, 0, data(256)).extended());
    BOOST_TEST(CommandApdu(0, 0xCB, 0, 0, {}, 257).extended());
    BOOST_TEST(CommandApdu(0, 0xCB, 0, 0, data(1), 1, true).extended());
    // Case 1 has no length field that could be longer.
    BOOST_TEST(!CommandApdu(0, 0xCB, 0, 0, {}, std::nullopt, true).extended());
    BOOST_TEST(apdu::to_hex(CommandApdu(0, 0xCB, 1, 2, data(1), 256, true).encode()) ==
               "00CB0102000001AA0100");
}

BOOST_AUTO_TEST_CASE(what_no_command_can_hold_is_refused) {
    BOOST_CHECK_THROW(CommandApdu(0, 0, 0, 0, data(65536)), std::invalid_argument);
    BOOST_CHECK_THROW(CommandApdu(0, 0, 0, 0, {}, 0), std::invalid_argument);
    BOOST_CHECK_THROW(CommandApdu(0, 0, 0, 0, {}, 65537), std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(the_class_byte_tells_a_chain) {
    BOOST_TEST(CommandApdu(0x10, 0xDB, 0x3F, 0xFF, data(1)).chained());
    BOOST_TEST(CommandApdu(0x1C, 0xDB, 0x3F, 0xFF, data(1)).chained());
    BOOST_TEST(!CommandApdu(0x00, 0xDB, 0x3F, 0xFF, data(1)).chained());
    BOOST_TEST(!CommandApdu(0x0C, 0xDB, 0x3F, 0xFF, data(1)).chained());
}

// As sent by opensc-tool 0.23 and yubico-piv-tool 2.2.0: VERIFY without data arrives in two forms.
BOOST_AUTO_TEST_CASE(verify_without_data_comes_in_two_forms) {
    const auto four = CommandApdu::parse(hex("00200080")).value();
    const auto five = CommandApdu::parse(hex("0020008000")).value();
    BOOST_TEST(four.nc() == 0U);
    BOOST_TEST(five.nc() == 0U);
    BOOST_CHECK(!four.ne());
    BOOST_CHECK(five.ne() == 256U);
}

BOOST_AUTO_TEST_SUITE_END()
