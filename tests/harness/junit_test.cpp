#include "harness/junit.h"

#include <boost/test/unit_test.hpp>
#include <pugixml.hpp>

using namespace cardrig::harness;

BOOST_AUTO_TEST_SUITE(junit)

BOOST_AUTO_TEST_CASE(what_xml_cannot_hold_becomes_a_question_mark) {
    BOOST_TEST(xml_text("a\tb\n\r") == "a\tb\n\r");
    BOOST_TEST(xml_text(std::string("a\x01\x1B[31m\0b", 8)) == "a??[31m?");
    BOOST_TEST(xml_text("gr\xC3\xBC\xC3\x9F") == "gr\xC3\xBC\xC3\x9F");
    BOOST_TEST(xml_text("\xFF\xC3") == "??");      // no UTF-8, and one cut off
    BOOST_TEST(xml_text("\xC0\xAF") == "??");      // overlong
    BOOST_TEST(xml_text("\xED\xA0\x80") == "???"); // a surrogate
    BOOST_TEST(xml_text("\xEF\xBF\xBF") == "?");   // U+FFFF
    BOOST_TEST(xml_text("\xF0\x9F\x98\x80") == "\xF0\x9F\x98\x80");
}

BOOST_AUTO_TEST_CASE(each_verdict_is_counted_where_it_belongs) {
    std::vector<ScenarioReport> reports(4);
    reports[0].title = "one <&> \"two\"";
    reports[1].title = "failed";
    reports[1].verdict = Verdict::failed;
    reports[1].shortfalls = {{"run 1", "", "exit status", "success (0)", "1"}};
    reports[1].reader = "vpcd";
    reports[1].notices = {"one & two", "three"};
    reports[1].last_output = {"line \x1B[31m", "]]> more"};
    reports[2].title = "crashed";
    reports[2].verdict = Verdict::crashed;
    reports[2].message = "signal 11";
    reports[3].title = "not applicable";
    reports[3].verdict = Verdict::not_applicable;
    reports[3].message = "the client has no command for <assist>";
    pugi::xml_document document;
    BOOST_TEST_REQUIRE(static_cast<bool>(document.load_string(junit_xml(reports).c_str())));
    const pugi::xml_node suite = document.child("testsuites").child("testsuite");
    BOOST_TEST(suite.attribute("tests").as_int() == 4);
    BOOST_TEST(suite.attribute("failures").as_int() == 1);
    BOOST_TEST(suite.attribute("errors").as_int() == 1);
    BOOST_TEST(suite.attribute("skipped").as_int() == 1);
    const pugi::xml_node first = suite.child("testcase");
    BOOST_TEST(first.attribute("name").as_string() == reports[0].title);
    BOOST_TEST(!first.child("failure"));
    const pugi::xml_node second = first.next_sibling("testcase");
    BOOST_TEST(std::string(second.child("failure").attribute("message").as_string()).find("exit status") ==
               0U);
    BOOST_TEST(std::string(second.child("system-out").text().as_string()) == "line ?[31m\n]]> more");
    const pugi::xml_node property = second.child("properties").child("property");
    BOOST_TEST(std::string(property.attribute("name").as_string()) == "reader");
    BOOST_TEST(std::string(property.attribute("value").as_string()) == "vpcd");
    BOOST_TEST(std::string(property.next_sibling().attribute("name").as_string()) == "notice");
    BOOST_TEST(std::string(property.next_sibling().attribute("value").as_string()) == "one & two");
    const pugi::xml_node third = second.next_sibling("testcase");
    BOOST_TEST(third.child("error").attribute("message").as_string() == std::string("signal 11"));
    BOOST_TEST(!third.child("skipped"));
    const pugi::xml_node fourth = third.next_sibling("testcase");
    BOOST_TEST(fourth.child("skipped").attribute("message").as_string() == reports[3].message);
    BOOST_TEST(!fourth.child("error"));
    BOOST_TEST(reports[3].text().find("not applicable\n  the client has no command") != std::string::npos);
    BOOST_TEST(ScenarioReport::from_json(reports[3].to_json()).to_json() == reports[3].to_json());
    BOOST_TEST(reports[3].summary()["verdict"] == "not-applicable");
}

BOOST_AUTO_TEST_CASE(a_report_survives_the_way_between_two_processes) {
    ScenarioReport report;
    report.file = "a.yaml";
    report.title = "t";
    report.verdict = Verdict::timed_out;
    report.shortfalls = {{"run 1", "agent", "what", "this", "that"}};
    report.windows = {"I4"};
    report.reader = "vpcd";
    report.cards = {{"holder", "none"}, {"agent", "passcode tries: 3 -> 2"}};
    report.notices = {"shown otherwise"};
    TraceEvent event;
    event.number = 3;
    event.kind = "apdu";
    event.reader = 0;
    event.fields = {{"command", "00"}};
    report.events = {event};
    const ScenarioReport read = ScenarioReport::from_json(report.to_json());
    BOOST_TEST(read.to_json() == report.to_json());
    BOOST_TEST(!report.summary().contains("events"));
    BOOST_TEST(read.cards[1].difference == "passcode tries: 3 -> 2");
    BOOST_TEST(read.reader == "vpcd");
    for (const char* part : {"card agent: what", "expected  this", "card holder, from", "card agent, from",
                             "3 -> 2", "shown otherwise", "reader vpcd"}) {
        BOOST_TEST(report.text().find(part) != std::string::npos, part);
    }
}

BOOST_AUTO_TEST_SUITE_END()
