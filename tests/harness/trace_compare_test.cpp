#include "harness/trace_compare.h"

#include "harness/errors.h"
#include "harness/trace_file.h"

#include <string>
#include <string_view>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace cardrig::harness;

namespace {

constexpr auto select_piv = R"({"n":2,"t":0.5,"kind":"apdu","reader":0,"command":"00A4040005A000000308",)"
                            R"("response":"61119000","status":"9000","card-status":"9000",)"
                            R"("delivered":true,"text":"select piv"})";
constexpr auto verify = R"({"n":3,"t":0.6,"kind":"apdu","reader":0,"command":"0020008008..",)"
                        R"("response":"9000","status":"9000","card-status":"9000",)"
                        R"("delivered":true,"text":"verify passcode"})";

/// Of these lines, one event each.
NormalisedTrace trace(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) {
        text += line + "\n";
    }
    return normalised(parse_trace(text, "t.jsonl"), "t.jsonl");
}

/// A line with one part of it replaced.
std::string with(std::string line, std::string_view part, std::string_view other) {
    const std::size_t at = line.find(part);
    BOOST_REQUIRE_MESSAGE(at != std::string::npos, line << " has no " << part);
    return line.replace(at, part.size(), other);
}

bool same(const std::vector<std::string>& first, const std::vector<std::string>& second) {
    return compare(trace(first), trace(second)).empty();
}

} // namespace

BOOST_AUTO_TEST_SUITE(trace_compare)

BOOST_AUTO_TEST_CASE(times_numbers_and_random_bytes_make_no_difference) {
    const std::string later = with(with(select_piv, "0.5", "7.25"), "\"n\":2", "\"n\":9");
    BOOST_TEST(same({select_piv}, {later}));
    BOOST_TEST(same({select_piv}, {with(select_piv, "61119000", "FFFF9000")}));
}

BOOST_AUTO_TEST_CASE(what_is_left_aside_makes_no_difference) {
    BOOST_TEST(
        same({select_piv},
             {R"({"n":1,"t":0,"kind":"power","reader":0,"event":"on"})", select_piv,
              R"({"n":4,"t":1,"kind":"memory-write","reader":0,"write":1,"offset":0,"length":8})",
              R"({"n":5,"t":1,"kind":"client","line":"0x1234"})", R"({"n":6,"t":1,"kind":"note","text":"x"})",
              R"({"n":7,"t":6,"kind":"power","reader":0,"event":"off"})"}));
}

BOOST_AUTO_TEST_CASE(meaning_length_status_and_delivery_make_a_difference) {
    BOOST_TEST(!same({select_piv}, {with(select_piv, "select piv", "select piv block 2")}));
    BOOST_TEST(!same({select_piv}, {with(select_piv, "61119000", "6111009000")}));
    BOOST_TEST(!same({select_piv}, {with(select_piv, "05A000000308", "06A00000030800")}));
    BOOST_TEST(!same({verify}, {with(verify, "\"status\":\"9000\",\"card", "\"status\":\"63C2\",\"card")}));
    BOOST_TEST(!same({verify}, {with(verify, "\"card-status\":\"9000\",", "")}));
    BOOST_TEST(!same({verify}, {with(verify, "true", "false")}));
    BOOST_TEST(!same({verify}, {with(verify, "\"text\"", "\"detail\":\"query\",\"text\"")}));
}

BOOST_AUTO_TEST_CASE(a_redacted_command_still_tells_its_length) {
    BOOST_TEST(!same({verify}, {with(verify, "08..", "10..")}));
    BOOST_TEST(same({verify}, {with(verify, "0020008008..", "0020008008313233343536FFFF")}));
    BOOST_TEST(!same({verify}, {with(verify, "0020008008..", "0020008004313233FF")}));
    BOOST_TEST(same({with(verify, "0020008008..", "00DB3FFF000100..")},
                    {with(verify, "0020008008..", "00DB3FFF000100" + std::string(512, '0'))}));
    BOOST_TEST(!same({with(verify, "0020008008..", "00DB3FFF000100..")},
                     {with(verify, "0020008008..", "00DB3FFF000200..")}));
}

BOOST_AUTO_TEST_CASE(a_redacted_answer_has_any_length) {
    BOOST_TEST(same({with(verify, "\"response\":\"9000\"", "\"response\":\"..9000\"")}, {verify}));
    BOOST_TEST(same({with(verify, "\"response\":\"9000\"", "\"response\":\"..9000\"")},
                    {with(verify, "\"response\":\"9000\"", "\"response\":\"01029000\"")}));
}

BOOST_AUTO_TEST_CASE(faults_cards_and_mute_cards_make_a_difference) {
    const std::string fault =
        R"({"n":3,"t":1,"kind":"fault","reader":0,"place":"verify #1 before","effect":"remove"})";
    const std::string removed = R"({"n":4,"t":1,"kind":"reader","reader":0,"event":"removed"})";
    const std::string mute = R"({"n":4,"t":1,"kind":"power","reader":0,"event":"on","mute":"damaged"})";
    for (const std::string& line : {fault, removed, mute}) {
        BOOST_TEST(!same({select_piv, line}, {select_piv}));
        BOOST_TEST(same({select_piv, line}, {select_piv, line}));
    }
    BOOST_TEST(!same({fault}, {with(fault, "before", "after")}));
    const std::string agent = with(removed, "\"removed\"", "\"removed\",\"card\":\"agent\"");
    BOOST_TEST(!same({agent}, {with(agent, "agent", "holder")}));
}

BOOST_AUTO_TEST_CASE(each_reader_is_compared_by_itself) {
    const std::string other = with(select_piv, "\"reader\":0", "\"reader\":1");
    BOOST_TEST(same({select_piv, verify, other}, {other, select_piv, verify}));
    BOOST_TEST(!same({select_piv, other}, {select_piv}));
    BOOST_TEST(!same({select_piv, verify}, {verify, select_piv}));
}

BOOST_AUTO_TEST_CASE(the_first_difference_is_told_with_its_place) {
    const auto found = compare(trace({select_piv, verify, verify}),
                               trace({select_piv, with(verify, "08..", "10.."), select_piv}));
    BOOST_REQUIRE_EQUAL(found.size(), 1U);
    BOOST_TEST(found[0].reader == 0);
    BOOST_TEST(found[0].position == 2U);
    BOOST_TEST(found[0].first.value().number == 3U);
    BOOST_TEST(found[0].first.value().text() == "verify passcode, 8 bytes: 9000");
    BOOST_TEST(found[0].second.value().text() == "verify passcode, 16 bytes: 9000");
}

BOOST_AUTO_TEST_CASE(a_trace_that_ends_early_differs_where_it_ends) {
    const auto found = compare(trace({select_piv}), trace({select_piv, verify}));
    BOOST_REQUIRE_EQUAL(found.size(), 1U);
    BOOST_TEST(found[0].position == 2U);
    BOOST_TEST(!found[0].first.has_value());
    BOOST_TEST(found[0].second.has_value());
    BOOST_TEST(same({}, {}));
}

BOOST_AUTO_TEST_CASE(bytes_that_are_none_are_refused_with_their_place) {
    BOOST_CHECK_EXCEPTION(static_cast<void>(trace({with(verify, "0020008008..", "xy")})), RequestError,
                          [](const RequestError& error) {
                              return std::string_view(error.what()).starts_with("t.jsonl: event 3: ");
                          });
}

BOOST_AUTO_TEST_SUITE_END()
