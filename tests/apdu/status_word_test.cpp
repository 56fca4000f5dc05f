#include "apdu/status_word.h"

#include <cstdio>
#include <map>
#include <set>
#include <string>

#include <boost/test/unit_test.hpp>

namespace apdu = cardrig::apdu;
namespace sw = cardrig::apdu::sw;

namespace {

/// Runs over all 65,536 values.
template <class Function>
void for_every_status_word(Function function) {
    for (unsigned value = 0; value <= 0xFFFF; ++value) {
        function(apdu::StatusWord(static_cast<std::uint16_t>(value)), value);
    }
}

std::string four_digits(unsigned value) {
    char text[8];
    std::snprintf(text, sizeof text, "%04X", value);
    return text;
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_SUITE(status_word)

BOOST_AUTO_TEST_CASE(every_value_keeps_its_two_bytes) {
    for_every_status_word([](apdu::StatusWord status, unsigned value) {
        BOOST_REQUIRE_EQUAL(status.value(), value);
        BOOST_REQUIRE_EQUAL(status.sw1(), value / 256);
        BOOST_REQUIRE_EQUAL(status.sw2(), value % 256);
        BOOST_REQUIRE(apdu::StatusWord(status.sw1(), status.sw2()) == status);
        BOOST_REQUIRE_EQUAL(apdu::to_string(status), four_digits(value));
    });
}

BOOST_AUTO_TEST_CASE(only_9000_and_61xx_say_that_the_command_was_carried_out) {
    unsigned count = 0;
    for_every_status_word([&count](apdu::StatusWord status, unsigned value) {
        BOOST_REQUIRE_EQUAL(status.ok(), value == 0x9000 || (value >= 0x6100 && value <= 0x61FF));
        count += status.ok() ? 1 : 0;
    });
    BOOST_TEST(count == 257U);
}

BOOST_AUTO_TEST_CASE(every_value_has_a_description) {
    for_every_status_word([](apdu::StatusWord status, unsigned value) {
        const std::string text = apdu::describe(status);
        BOOST_REQUIRE_MESSAGE(!text.empty(), four_digits(value));
        BOOST_REQUIRE_MESSAGE(text.front() != ' ' && text.back() != ' ', four_digits(value));
    });
}

BOOST_AUTO_TEST_CASE(two_values_never_share_a_description_unless_the_standard_gives_them_one_meaning) {
    std::map<std::string, std::set<unsigned>> by_text;
    for_every_status_word([&by_text](apdu::StatusWord status, unsigned value) {
        by_text[apdu::describe(status)].insert(value);
    });
    for (const auto& [text, values] : by_text) {
        const bool wants_bytes = text.starts_with("the card wants"); // 62xx and 64xx
        const bool wrong_p1_p2 = text == "wrong P1-P2";              // 6A00 and 6B00
        const std::size_t allowed = wants_bytes || wrong_p1_p2 ? 2 : 1;
        BOOST_TEST(values.size() <= allowed, text);
    }
}

BOOST_AUTO_TEST_CASE(values_without_a_meaning_of_their_own_show_their_digits) {
    for (const unsigned value : {0x0000U, 0x6000U, 0x62FFU, 0x6389U, 0x6702U, 0x69F0U, 0x6A8BU, 0x6B01U,
                                 0x6D01U, 0x6E01U, 0x6F01U, 0x9001U, 0x9100U, 0xFFFFU}) {
        const auto status = apdu::StatusWord(static_cast<std::uint16_t>(value));
        BOOST_TEST(contains(apdu::describe(status), four_digits(value)), apdu::describe(status));
    }
}

BOOST_AUTO_TEST_CASE(tries_left_are_told) {
    for (unsigned tries = 0; tries < 16; ++tries) {
        const auto status = sw::verification_failed(static_cast<std::uint8_t>(tries));
        BOOST_TEST(status.value() == 0x63C0 + tries);
        const std::string expected =
            tries == 1 ? "wrong, 1 try left" : "wrong, " + std::to_string(tries) + " tries left";
        BOOST_TEST(apdu::describe(status) == expected);
    }
    BOOST_TEST(!contains(apdu::describe(apdu::StatusWord(0x63BF)), "left"));
    BOOST_TEST(!contains(apdu::describe(apdu::StatusWord(0x63D0)), "left"));
}

BOOST_AUTO_TEST_CASE(available_bytes_are_told) {
    for (unsigned count = 1; count < 256; ++count) {
        const std::string number = std::to_string(count) + (count == 1 ? " byte " : " bytes ");
        const auto low = static_cast<std::uint8_t>(count);
        BOOST_TEST(apdu::describe({0x61, low}) == number + "available");
        BOOST_TEST(apdu::describe({0x6C, low}) == "wrong Le, " + number + "available");
        BOOST_TEST(sw::bytes_available(count).value() == 0x6100 + count);
    }
    BOOST_TEST(apdu::describe(apdu::StatusWord(0x6100)) == "256 bytes or more available");
    BOOST_TEST(apdu::describe(apdu::StatusWord(0x6C00)) == "wrong Le, 256 bytes available");
    BOOST_TEST(sw::bytes_available(256).value() == 0x6100);
    BOOST_TEST(sw::bytes_available(70000).value() == 0x6100);
}

// The meanings are those of ISO/IEC 7816-4, tables 6 and 7, in the words of opensc-tool and others.
BOOST_AUTO_TEST_CASE(the_named_ones_mean_what_their_names_say) {
    const std::map<std::uint16_t, std::pair<apdu::StatusWord, std::string>> expected{
        {0x9000, {sw::success, "success"}},
        {0x6581, {sw::memory_failure, "memory failure"}},
        {0x6700, {sw::wrong_length, "wrong length"}},
        {0x6881, {sw::logical_channel_not_supported, "logical channel not supported"}},
        {0x6882, {sw::secure_messaging_not_supported, "secure messaging not supported"}},
        {0x6883, {sw::last_command_of_chain_expected, "last command of the chain expected"}},
        {0x6884, {sw::command_chaining_not_supported, "command chaining not supported"}},
        {0x6982, {sw::security_status_not_satisfied, "security status not satisfied"}},
        {0x6983, {sw::authentication_method_blocked, "authentication method blocked"}},
        {0x6984, {sw::reference_data_not_usable, "reference data not usable"}},
        {0x6985, {sw::conditions_of_use_not_satisfied, "conditions of use not satisfied"}},
        {0x6986, {sw::command_not_allowed, "command not allowed, no current file"}},
        {0x6A80, {sw::incorrect_data, "incorrect data"}},
        {0x6A81, {sw::function_not_supported, "function not supported"}},
        {0x6A82, {sw::file_or_application_not_found, "file or application not found"}},
        {0x6A84, {sw::not_enough_memory, "not enough memory"}},
        {0x6A86, {sw::incorrect_p1_p2, "incorrect P1-P2"}},
        {0x6A88, {sw::referenced_data_not_found, "referenced data not found"}},
        {0x6B00, {sw::wrong_p1_p2, "wrong P1-P2"}},
        {0x6D00, {sw::instruction_not_supported, "instruction not supported"}},
        {0x6E00, {sw::class_not_supported, "class not supported"}},
        {0x6F00, {sw::no_precise_diagnosis, "no precise diagnosis"}},
    };
    for (const auto& [value, named] : expected) {
        BOOST_TEST(named.first.value() == value);
        BOOST_TEST(apdu::describe(named.first) == named.second);
    }
}

BOOST_AUTO_TEST_SUITE_END()
