#include "apdu/ber_tlv.h"

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

namespace apdu = cardrig::apdu;
using apdu::Bytes;
using apdu::ByteView;

namespace {

Bytes hex(std::string_view text) {
    return apdu::from_hex(text).value();
}

void check_refused(std::string_view text) {
    const Bytes bytes = hex(text);
    ByteView rest = bytes;
    const auto taken = apdu::take_tlv(rest);
    BOOST_REQUIRE_MESSAGE(!taken.has_value(), "accepted " << text);
    BOOST_TEST(!taken.error().message.empty());
    BOOST_TEST(rest.size() == bytes.size(), "a refused object must leave the bytes alone");
    BOOST_TEST((rest.data() == bytes.data()));
    BOOST_TEST((bytes.empty() || !apdu::parse_tlvs(bytes).has_value()));
}

} // namespace

BOOST_AUTO_TEST_SUITE(ber_tlv)

// X.690, 8.1.3: the short form up to 127, then one to four bytes after 81 to 84.
BOOST_AUTO_TEST_CASE(lengths_are_written_in_their_shortest_form) {
    const std::vector<std::pair<std::size_t, std::string>> expected{
        {0, "00"},
        {1, "01"},
        {127, "7F"},
        {128, "8180"},
        {255, "81FF"},
        {256, "820100"},
        {65535, "82FFFF"},
        {65536, "83010000"},
        {70000, "83011170"},
        {16777215, "83FFFFFF"},
        {16777216, "8401000000"},
    };
    for (const auto& [size, length] : expected) {
        const Bytes value(size, 0x77);
        const Bytes object = apdu::make_tlv(0x53, value);
        const std::size_t front = 1 + length.size() / 2;
        BOOST_TEST(apdu::to_hex(ByteView(object).first(front)) == "53" + length);
        BOOST_TEST(object.size() == front + size);
        ByteView rest = object;
        const auto taken = apdu::take_tlv(rest);
        BOOST_REQUIRE(taken.has_value());
        BOOST_TEST(taken->tag == 0x53U);
        BOOST_TEST(taken->value.size() == size);
        BOOST_TEST(rest.empty());
    }
}

// yubico-piv-tool writes `82 hi lo` for certificates of any size.
BOOST_AUTO_TEST_CASE(longer_forms_of_a_length_are_read_too) {
    for (const auto* const text :
         {"53 02 AABB", "53 81 02 AABB", "53 82 0002 AABB", "53 83 000002 AABB", "53 84 00000002 AABB"}) {
        const Bytes bytes = hex(text);
        ByteView rest = bytes;
        const auto taken = apdu::take_tlv(rest);
        BOOST_REQUIRE_MESSAGE(taken.has_value(), text);
        BOOST_TEST(apdu::to_hex(taken->value) == "AABB");
    }
}

BOOST_AUTO_TEST_CASE(tags_have_one_to_three_bytes) {
    const std::vector<std::pair<apdu::Tag, std::string>> expected{
        {0x00, "00"},         {0x53, "53"},         {0x7E, "7E"},         {0x5F2F, "5F2F"},
        {0x7F49, "7F49"},     {0x7F61, "7F61"},     {0x5F1F, "5F1F"},     {0x5F7F, "5F7F"},
        {0x5FC105, "5FC105"}, {0x5FFF01, "5FFF01"}, {0x5F8100, "5F8100"}, {0xDF1F, "DF1F"},
    };
    for (const auto& [tag, text] : expected) {
        BOOST_TEST(apdu::to_hex(apdu::encode_tag(tag)) == text);
        const Bytes object = apdu::make_tlv(tag, hex("0102"));
        BOOST_TEST(apdu::to_hex(object) == text + "020102");
        ByteView rest = object;
        BOOST_TEST(apdu::take_tlv(rest).value().tag == tag);
    }
}

BOOST_AUTO_TEST_CASE(numbers_that_spell_no_tag_are_refused) {
    for (const apdu::Tag tag : {0x5FU, 0x7FU, 0x1234U, 0x5F00U, 0x5F1EU, 0x5F80U, 0x5F8001U, 0x5FC1U,
                                0x5FC181U, 0x5F2F00U, 0x01000000U, 0x5FC18101U}) {
        BOOST_CHECK_THROW(apdu::encode_tag(tag), std::invalid_argument);
        BOOST_CHECK_THROW(apdu::make_tlv(tag, {}), std::invalid_argument);
    }
}

BOOST_AUTO_TEST_CASE(what_is_cut_off_is_refused) {
    for (const auto* const text :
         {"", "53", "5F", "5FC1", "5FC105", "5301", "53 03 AABB", "53 81", "53 82 01", "53 83 0100",
          "53 84 010000", "53 81 80", "53 82 0100 AA", "5FC105 02 AA", "53 84 FFFFFFFF AA"}) {
        check_refused(text);
    }
}

BOOST_AUTO_TEST_CASE(indefinite_and_overlong_lengths_are_refused) {
    check_refused("30 80 0000");
    check_refused("7F49 80 0000");
    check_refused("53 85 0000000001 AA");
    check_refused("53 FF AA");
}

// ISO/IEC 7816-4, 5.2.2.1.
BOOST_AUTO_TEST_CASE(tags_that_the_standard_forbids_are_refused) {
    check_refused("5F 00 00");
    check_refused("5F 1E 00");
    check_refused("5F 80 01 00");
    check_refused("5F C1 81 01 00");
}

BOOST_AUTO_TEST_CASE(a_header_tells_what_is_to_come) {
    const auto header = apdu::read_tlv_header(hex("5FC105 82 0BB8 70")).value();
    BOOST_TEST(header.tag == 0x5FC105U);
    BOOST_TEST(header.length == 3000U);
    BOOST_TEST(header.size == 6U);
    BOOST_TEST(!apdu::read_tlv_header(hex("5FC105 82 0B")).has_value());
}

BOOST_AUTO_TEST_CASE(objects_side_by_side_are_all_read) {
    // A PUT DATA of SP 800-73-4 part 2, 3.3.1, emptying the certificate of 9A.
    const Bytes bytes = hex("5C 03 5FC105 53 00");
    const auto objects = apdu::parse_tlvs(bytes).value();
    BOOST_REQUIRE(objects.size() == 2U);
    BOOST_TEST(apdu::to_hex(apdu::find_tlv(objects, 0x5C).value()) == "5FC105");
    BOOST_TEST(apdu::find_tlv(objects, 0x53).value().empty());
    BOOST_TEST(!apdu::find_tlv(objects, 0x70).has_value());
    BOOST_TEST(apdu::parse_tlvs({}).value().empty());
    BOOST_TEST(!apdu::parse_tlvs(hex("5C 03 5FC105 53")).has_value());
}

BOOST_AUTO_TEST_CASE(the_first_of_two_with_one_tag_is_found_and_none_inside_others) {
    const Bytes bytes = hex("70 03 53 01 AA 53 01 BB 53 01 CC");
    const auto objects = apdu::parse_tlvs(bytes).value();
    BOOST_TEST(apdu::to_hex(apdu::find_tlv(objects, 0x53).value()) == "BB");
}

BOOST_AUTO_TEST_CASE(objects_are_appended) {
    Bytes out = hex("7C");
    apdu::append_tlv(out, 0x82, {});
    apdu::append_tlv(out, 0x5F2F, hex("4000"));
    BOOST_TEST(apdu::to_hex(out) == "7C82005F2F024000");
}

// The key that GENERATE ASYMMETRIC KEY PAIR answers for RSA 1024 begins so on a real card.
BOOST_AUTO_TEST_CASE(a_public_key_template_is_built_as_cards_send_it) {
    Bytes inner = apdu::make_tlv(0x81, Bytes(128, 0x11));
    apdu::append_tlv(inner, 0x82, hex("010001"));
    const Bytes object = apdu::make_tlv(0x7F49, inner);
    BOOST_TEST(apdu::to_hex(ByteView(object).first(7)) == "7F498188818180");
}

BOOST_AUTO_TEST_SUITE_END()
