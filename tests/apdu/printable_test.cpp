#include "apdu/printable.h"

#include <string>
#include <string_view>

#include <boost/test/unit_test.hpp>

namespace apdu = cardrig::apdu;
using namespace std::string_view_literals;

BOOST_AUTO_TEST_SUITE(printable)

BOOST_AUTO_TEST_CASE(text_stays_as_it_is) {
    for (const auto text : {""sv, "piv-staff"sv, "a \\ b ~"sv, "Zo\xC3\xAB"sv, "\xE2\x82\xAC 5"sv,
                            "\xF0\x9F\x92\xB3"sv, "\xC2\xA0"sv, "\xF4\x8F\xBF\xBF"sv}) {
        BOOST_TEST(apdu::printable(text) == text);
        BOOST_TEST(!apdu::has_control_characters(text));
    }
}

BOOST_AUTO_TEST_CASE(control_characters_are_shown_and_not_obeyed) {
    BOOST_TEST(apdu::printable("\x1B[2J"sv) == "\\x1B[2J");
    BOOST_TEST(apdu::printable("a\0b\n\x7F"sv) == "a\\x00b\\x0A\\x7F");
    BOOST_TEST(apdu::printable("\xC2\x9B"
                               "2J"sv) == "\\xC2\\x9B2J"); // U+009B begins a sequence as ESC [ does
    BOOST_TEST(apdu::printable("\xC2\x80\xC2\x9F"sv) == "\\xC2\\x80\\xC2\\x9F");
    for (const auto text : {"\x1B"sv, "\0"sv, "a\x7F"sv, "\xC3\xAB\xC2\x9B"sv, "\xFF\x1F"sv}) {
        BOOST_TEST(apdu::has_control_characters(text));
    }
}

// The forms that RFC 3629 forbids; a terminal that reads bytes takes a lone 9B for a control character.
BOOST_AUTO_TEST_CASE(bytes_that_are_no_utf_8_are_shown) {
    BOOST_TEST(apdu::printable("\x9B"sv) == "\\x9B");
    BOOST_TEST(apdu::printable("\xC2"sv) == "\\xC2");
    BOOST_TEST(apdu::printable("\xC0\x9B"sv) == "\\xC0\\x9B");                   // longer than need be
    BOOST_TEST(apdu::printable("\xE0\x82\x9B"sv) == "\\xE0\\x82\\x9B");          // the same
    BOOST_TEST(apdu::printable("\xED\xA0\x80"sv) == "\\xED\\xA0\\x80");          // half a surrogate pair
    BOOST_TEST(apdu::printable("\xF4\x90\x80\x80"sv) == "\\xF4\\x90\\x80\\x80"); // beyond the last
    BOOST_TEST(apdu::printable("\xE2\x82z"sv) == "\\xE2\\x82z");
    BOOST_TEST(apdu::printable("\xFF"sv) == "\\xFF");
}

BOOST_AUTO_TEST_CASE(what_was_made_printable_stays_so) {
    const std::string once = apdu::printable("\x1B[31m\x9B \xC2\x9B"sv);
    BOOST_TEST(apdu::printable(once) == once);
}

BOOST_AUTO_TEST_SUITE_END()
