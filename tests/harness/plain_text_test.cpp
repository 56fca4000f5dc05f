#include "harness/plain_text.h"

#include <string>
#include <string_view>

#include <boost/test/unit_test.hpp>

using cardrig::harness::PlainText;

namespace {

/// In one piece, and byte by byte: it must not matter.
std::string plain(std::string_view text) {
    PlainText whole;
    std::string at_once = whole.add(text);
    at_once += whole.finish();
    PlainText bytes;
    std::string slowly;
    for (const char c : text) {
        slowly += bytes.add(std::string_view(&c, 1));
    }
    slowly += bytes.finish();
    BOOST_TEST(slowly == at_once);
    return at_once;
}

} // namespace

BOOST_AUTO_TEST_SUITE(plain_text)

BOOST_AUTO_TEST_CASE(text_stays_as_it_is) {
    BOOST_TEST(plain("9A Done\n\tü 100 %\n") == "9A Done\n\tü 100 %\n");
}

BOOST_AUTO_TEST_CASE(a_line_ends_with_a_line_feed) {
    BOOST_TEST(plain("one\r\ntwo\r\n") == "one\ntwo\n");
    BOOST_TEST(plain("10 %\r20 %\r") == "10 %\r20 %\r"); // written over
    BOOST_TEST(plain("a\r\r\nb") == "a\r\nb");
}

BOOST_AUTO_TEST_CASE(colours_and_other_sequences_are_left_out) {
    BOOST_TEST(plain("\x1B[1;31mError\x1B[0m: no card\x1B[K") == "Error: no card");
    BOOST_TEST(plain("\x1B[?2004hPasscode: ") == "Passcode: ");
    BOOST_TEST(plain("\x1B]0;title\x07on\x1B]8;;http://x\x1B\\e\x1BPq\x1B\\ two") == "one two");
    BOOST_TEST(plain("\x1B(Bplain\x1B=\x1B>") == "plain");
}

BOOST_AUTO_TEST_CASE(a_carriage_return_before_a_sequence_stays) {
    BOOST_TEST(plain("ab\r\x1B[Kcd") == "ab\rcd");
}

BOOST_AUTO_TEST_CASE(what_never_becomes_a_sequence_hides_nothing) {
    BOOST_TEST(plain("\x1B]0;title\nSuccess\n") == "0;title\nSuccess\n");
    for (const char begin : {'P', 'X', '^', '_'}) {
        BOOST_TEST(plain(std::string("\x1B") + begin + "q\r\nSuccess") == "q\nSuccess");
    }
    BOOST_TEST(plain("\x1B[12\nSuccess") == "\nSuccess");
    BOOST_TEST(plain("\x1B\nSuccess") == "\nSuccess");
    BOOST_TEST(plain("\x1B]0;\x18"
                     "Success") == "0;\x18"
                                   "Success");
    BOOST_TEST(plain("\x1B]Success") == "Success");
    BOOST_TEST(plain("\x1B[1\x1B[0mSuccess") == "Success");
    BOOST_TEST(plain("\x1B]title\x1B[1mSuccess") == "titleSuccess");
    const std::string much(5000, 'x');
    BOOST_TEST(plain("\x1B]" + much + "Success") == much + "Success");
}

BOOST_AUTO_TEST_SUITE_END()
