#include "harness/place.h"

#include <boost/test/unit_test.hpp>

using cardrig::harness::Moment;
using cardrig::harness::Place;

namespace {

std::string message(const char* text) {
    const auto place = Place::parse(text);
    BOOST_TEST_REQUIRE(!place.has_value());
    return place.error().message;
}

bool names(const char* text, const char* word) {
    return message(text).find(word) != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_SUITE(place)

BOOST_AUTO_TEST_CASE(every_part_of_a_place_is_read) {
    const Place read = Place::parse("put-data signature-certificate #2 block 3 after").value();
    BOOST_TEST(read.command == "put-data");
    BOOST_TEST(read.object == "signature-certificate");
    BOOST_TEST(read.occurrence == 2U);
    BOOST_TEST(read.block.value() == 3U);
    BOOST_TEST(!read.write.has_value());
    BOOST_CHECK(read.moment == Moment::after);
}

BOOST_AUTO_TEST_CASE(what_is_not_said_is_the_first_before) {
    const Place read = Place::parse("verify").value();
    BOOST_TEST(read.object.empty());
    BOOST_TEST(read.occurrence == 1U);
    BOOST_TEST(!read.block.has_value());
    BOOST_CHECK(read.moment == Moment::before);
}

BOOST_AUTO_TEST_CASE(memory_writes_are_of_a_command_or_of_all) {
    const Place run = Place::parse("write #217").value();
    BOOST_TEST(run.command.empty());
    BOOST_TEST(run.write.value() == 217U);
    const Place command = Place::parse("put-data signature-certificate write #5").value();
    BOOST_TEST(command.command == "put-data");
    BOOST_TEST(command.write.value() == 5U);
}

BOOST_AUTO_TEST_CASE(the_text_of_a_place_reads_as_the_same_place) {
    for (const char* text : {"put-data signature-certificate block 3 before",
                             "generate-key-pair 9C after",
                             "write #217",
                             "put-data signature-certificate write #5",
                             "verify passcode #3 after",
                             "select piv before",
                             "get-data 5FFF01 before",
                             "ins-F5 before",
                             "import-key 9A block 2 write #3",
                             "get-metadata passcode before",
                             "reset-piv write #5",
                             "move-key 9A after",
                             "malformed after",
                             "get-response #2 before",
                             "select A000000397425446 before",
                             "change-reference-data unblocking-code block 1 write #2",
                             "any before",
                             "any #12 after",
                             "any write #3 card 2",
                             "write #7 card agent",
                             "verify before card agent",
                             "put-data signature-certificate block 3 after card Old_card-2"}) {
        const Place read = Place::parse(text).value();
        BOOST_TEST(read.text() == text);
        BOOST_CHECK(Place::parse(read.text()).value() == read);
    }
}

BOOST_AUTO_TEST_CASE(a_tag_is_the_object_that_it_names) {
    BOOST_TEST(Place::parse("put-data 5fc105").value().object == "authentication-certificate");
    BOOST_TEST(Place::parse("generate-key-pair 9a").value().object == "9A");
}

BOOST_AUTO_TEST_CASE(a_wrong_word_is_named_with_the_nearest_right_one) {
    BOOST_TEST(names("putdata signature-certificate", "'put-data'"));
    BOOST_TEST(names("putdata signature-certificate", "'putdata'"));
    BOOST_TEST(names("put-data signature-certifcate", "'signature-certificate'"));
    BOOST_TEST(names("put-data signature-certificate befor", "'before'"));
    BOOST_TEST(names("verify pascode", "'passcode'"));
    BOOST_TEST(names("generate-key-pair signature", "'signature'"));
    BOOST_TEST(names("select pivv", "'piv'"));
    BOOST_TEST(names("wriet #3", "'write'"));
}

BOOST_AUTO_TEST_CASE(a_card_is_named_at_the_end) {
    BOOST_TEST(Place::parse("verify card agent").value().card == "agent");
    BOOST_TEST(Place::parse("verify passcode #2 card 2").value().occurrence == 2U);
    BOOST_TEST(Place::parse("verify").value().card.empty());
    BOOST_TEST(names("verify card", "name is wanted"));
    BOOST_TEST(names("verify card agent before", "'before'"));
    BOOST_TEST(names("verify card a/b", "'a/b'"));
    BOOST_TEST(names("verify card before", "'before' is no card's name"));
    BOOST_TEST(names("verify crad agent", "'card'"));
}

BOOST_AUTO_TEST_CASE(any_is_any_command_without_an_object) {
    BOOST_TEST(Place::parse("any #3").value().command == "any");
    BOOST_TEST(names("any passcode", "'passcode'"));
}

BOOST_AUTO_TEST_CASE(numbers_are_from_one) {
    BOOST_TEST(names("put-data #0", "'#0'"));
    BOOST_TEST(names("put-data #x", "'#x'"));
    BOOST_TEST(names("put-data #99999999999", "'#99999999999'"));
    BOOST_TEST(names("put-data block", "'block'"));
    BOOST_TEST(names("put-data block zero", "'zero'"));
    BOOST_TEST(names("write", "'write'"));
    BOOST_TEST(names("write 5", "'5'"));
    BOOST_TEST(names("write #-1", "'#-1'"));
}

BOOST_AUTO_TEST_CASE(nothing_may_be_left_over) {
    BOOST_TEST(names("write #5 before", "'before'"));
    BOOST_TEST(names("put-data before after", "'after'"));
    BOOST_TEST(names("get-response piv", "'piv'"));
    BOOST_TEST(names("", "empty"));
    BOOST_TEST(names("   ", "empty"));
}

BOOST_AUTO_TEST_SUITE_END()
