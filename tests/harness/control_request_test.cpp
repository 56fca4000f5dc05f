#include "harness/hand/control_request.h"

#include <string>

#include <boost/test/unit_test.hpp>

using namespace cardrig::harness;
using Asked = ControlRequest::Asked;

namespace {

std::string refusal(const std::string& line) {
    const auto request = ControlRequest::parse(line);
    return request ? "not refused" : request.error().message;
}

bool refused(const std::string& line, const std::string& part) {
    const std::string why = refusal(line);
    BOOST_TEST_INFO(line << ": " << why);
    return why.find(part) != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_SUITE(control_request)

BOOST_AUTO_TEST_CASE(each_request_is_read_and_written) {
    for (const char* line : {
             R"({"do":"status"})",
             R"({"do":"forget"})",
             R"({"do":"remove reader 2"})",
             R"({"do":"insert card agent reader 2","limit":2.5})",
             R"({"at":"put-data signature-certificate block 2 before","do":"swap card 2"})",
             R"({"at":"write #217","do":"cut-power erase-block"})",
             R"({"at":"verify passcode #2 before","do":"wait","limit":10.0})",
             R"({"do":"wait","fault":3})",
         }) {
        const auto request = ControlRequest::parse(line);
        BOOST_TEST_REQUIRE(request.has_value(), line);
        BOOST_TEST(request->to_json().dump() == line);
    }
}

BOOST_AUTO_TEST_CASE(a_request_means_what_it_says) {
    const auto request =
        ControlRequest::parse(R"({"do": "wait", "at": "verify before", "limit": 0.25})").value();
    BOOST_TEST((request.asked == Asked::wait));
    BOOST_TEST(request.at->text() == "verify before");
    BOOST_TEST(request.limit->count() == 250);
    BOOST_TEST((ControlRequest::parse(R"({"do": "remove"})")->effect.verb == Verb::remove));
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_named_with_the_nearest_right_word) {
    BOOST_TEST(refused(R"({"do": "remove", "att": "verify before"})", "did you mean 'at'"));
    BOOST_TEST(refused(R"({"do": "statsu"})", "did you mean 'status'"));
    BOOST_TEST(refused(R"({"do": "remov"})", "did you mean 'remove'"));
    BOOST_TEST(refused(R"({"do": "status foo"})", "'status' takes nothing more"));
    BOOST_TEST(refused(R"({"do": "wait verify"})", "its place stands in 'at'"));
    BOOST_TEST(refused(R"({"do": "kill"})", "did you mean 'kill-client'"));
    BOOST_TEST(refused(R"({"do": "delay 5"})", "has no unit"));
    BOOST_TEST(
        refused(R"({"do": "insert reader 2 card 1"})", "it is written 'insert [card NAME] [reader N]'"));
    BOOST_TEST(refused(R"({"do": "remove", "at": "verfy before"})", "did you mean 'verify'"));
    BOOST_TEST(refused(R"({"at": "verify before"})", "'do' is missing"));
    BOOST_TEST(refused(R"({"do": 5})", "'do' wants a text"));
    BOOST_TEST(refused(R"({"do": "remove", "do": "insert"})", "'do' stands twice"));
}

BOOST_AUTO_TEST_CASE(what_does_not_go_together_is_refused) {
    BOOST_TEST(refused(R"({"do": "wait"})", "'at'"));
    BOOST_TEST(refused(R"({"do": "wait", "at": "verify before", "fault": 1})", "not both"));
    BOOST_TEST(refused(R"({"do": "wait", "fault": 0})", "from 1"));
    BOOST_TEST(refused(R"({"do": "wait", "fault": -1})", "from 1"));
    BOOST_TEST(refused(R"({"do": "remove", "fault": 1})", "'fault' belongs to 'wait'"));
    BOOST_TEST(refused(R"({"do": "status", "at": "verify before"})", "'at' belongs"));
    BOOST_TEST(refused(R"({"do": "remove", "at": "verify before", "limit": 1})", "'limit' belongs"));
    BOOST_TEST(refused(R"({"do": "remove", "limit": -1})", "from 0"));
    BOOST_TEST(refused(R"({"do": "remove", "limit": 1e300})", "from 0"));
    BOOST_TEST(refused(R"({"do": "remove", "limit": "1"})", "from 0"));
    BOOST_TEST(refused(R"({"do": "answer 6A80", "at": "write #3"})", "memory write"));
}

BOOST_AUTO_TEST_CASE(garbage_is_refused) {
    for (const char* line :
         {"", "{", "5", "[]", "null", "\"remove\"", "{\"do\": \"remove\"} x", "\xff\xfe"}) {
        BOOST_TEST(refusal(line) != "not refused");
    }
    BOOST_TEST(refused(std::string(longest_control_line + 1, ' '), "bytes"));
    BOOST_TEST(
        refused(R"({"do": "remove", "at": )" + std::string(10'000, '[') + std::string(10'000, ']') + "}",
                "no JSON object of words"));
}

BOOST_AUTO_TEST_SUITE_END()
