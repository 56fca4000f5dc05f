#include "harness/trace.h"

#include "harness/client_output.h"
#include "harness/errors.h"
#include "harness/files.h"
#include "harness/trace_file.h"
#include "tests/harness/test_card.h"

#include <algorithm>

#include <boost/test/unit_test.hpp>

#include <sys/stat.h>

using namespace cardrig::harness;

namespace {

TraceEvent apdu_event() {
    TraceEvent event;
    event.number = 12;
    event.seconds = 0.25;
    event.kind = "apdu";
    event.reader = 0;
    event.fields = {{"text", "verify passcode"},
                    {"command", "0020008008.."},
                    {"response", "63C2"},
                    {"status", "63C2"},
                    {"meaning", "wrong, 2 tries left"}};
    return event;
}

std::string refusal(const char* text) {
    try {
        static_cast<void>(parse_trace(text, "t.jsonl"));
    } catch (const RequestError& error) {
        return error.what();
    }
    return "";
}

} // namespace

BOOST_AUTO_TEST_SUITE(trace)

BOOST_AUTO_TEST_CASE(a_file_holds_what_was_written_and_is_its_owners_alone) {
    const cardrig::test::TemporaryFolder folder;
    const std::string path = folder.file("t.jsonl");
    write_file(path, std::string_view("something older and longer than what comes\n"));
    BOOST_TEST(::chmod(path.c_str(), 0644) == 0);
    {
        TraceFile file(path);
        file.write(apdu_event());
        file.write(apdu_event());
        struct stat state {};
        BOOST_TEST(::stat(path.c_str(), &state) == 0);
        BOOST_TEST((state.st_mode & 0777U) == 0600U);
        BOOST_TEST(read_trace(path).size() == 2U);
    }
    BOOST_TEST(read_trace(path)[0].to_json() == apdu_event().to_json());
    BOOST_CHECK_THROW(TraceFile(folder.file("none/t.jsonl")), RequestError);
    BOOST_CHECK_THROW(static_cast<void>(read_trace(folder.file("none.jsonl"))), RequestError);
}

BOOST_AUTO_TEST_CASE(a_bad_line_is_named) {
    constexpr const char* ok = "{\"n\":1,\"t\":0,\"kind\":\"power\"}\n";
    BOOST_TEST(parse_trace(ok, "t.jsonl").size() == 1U);
    BOOST_TEST(parse_trace("\n\n", "t.jsonl").empty());
    BOOST_TEST(
        refusal((std::string(ok) + "{\"n\":2,\n").c_str()).starts_with("t.jsonl:2: not a line of JSON"));
    BOOST_TEST(
        refusal((std::string(ok) + ok + "{\"n\":2}\n").c_str()).starts_with("t.jsonl:3: not a trace event"));
    BOOST_TEST(refusal("[1]\n") == "t.jsonl:1: not a trace event: no JSON object");
    BOOST_TEST(refusal("{\"n\":1").find("ends within") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(numbers_that_no_event_has_are_refused) {
    for (const char* line :
         {"{\"n\":-1,\"t\":0,\"kind\":\"power\"}", "{\"n\":1.5,\"t\":0,\"kind\":\"power\"}",
          "{\"n\":true,\"t\":0,\"kind\":\"power\"}",
          "{\"n\":1,\"t\":0,\"kind\":\"power\",\"reader\":4294967296}",
          "{\"n\":1,\"t\":0,\"kind\":\"power\",\"reader\":-1}"}) {
        BOOST_TEST(refusal(line).starts_with("t.jsonl:1: not a trace event"), line);
    }
}

BOOST_AUTO_TEST_CASE(a_line_nested_very_deep_is_refused) {
    constexpr std::size_t levels = 1'000'000;
    const std::string line = "{\"n\":1,\"t\":0,\"kind\":\"note\",\"x\":" + std::string(levels, '[') +
                             std::string(levels, ']') + "}";
    BOOST_TEST(refusal(line.c_str()).starts_with("t.jsonl:1: nested more than"));
}

BOOST_AUTO_TEST_CASE(no_control_character_reaches_a_terminal) {
    const auto events =
        parse_trace("{\"n\":1,\"t\":0,\"kind\":\"a\\u001b[2J\",\"x\":\"b\\u0007\"}", "t.jsonl");
    const std::string shown = readable(events.at(0));
    BOOST_TEST(std::ranges::none_of(shown, [](char c) { return static_cast<unsigned char>(c) < 0x20; }),
               shown);
}

BOOST_AUTO_TEST_CASE(an_exchange_reads_with_its_meaning_bytes_and_status) {
    const std::string text = readable(apdu_event());
    for (const char* part :
         {"12", "0.2500", "apdu", "verify passcode", "0020008008..", "63C2", "2 tries left"}) {
        BOOST_TEST(text.find(part) != std::string::npos, part);
    }
    TraceEvent lost = apdu_event();
    lost.fields.erase("response");
    BOOST_TEST(readable(lost).find("no answer") != std::string::npos);
    TraceEvent replaced = apdu_event();
    replaced.fields["card-status"] = "9000";
    BOOST_TEST(readable(replaced).find("the card answered 9000") != std::string::npos);
    TraceEvent client;
    client.kind = "client";
    client.fields = {{"line", "red \x1B[31m"}};
    BOOST_TEST(readable(client).find('\x1B') == std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_card_is_shown_where_an_event_names_it) {
    TraceEvent event = apdu_event();
    BOOST_TEST(readable(event).find("card") == std::string::npos);
    event.fields["card"] = "agent";
    BOOST_TEST(readable(event).find("  card agent: verify passcode") != std::string::npos);
    event.kind = "reader";
    event.fields = {{"event", "inserted"}, {"card", "agent"}};
    BOOST_TEST(readable(event).ends_with("inserted, card agent"));
    event.kind = "from another version";
    BOOST_TEST(readable(event).ends_with("card agent, event inserted"));
}

BOOST_AUTO_TEST_CASE(client_output_comes_by_lines_and_without_secrets) {
    Trace events;
    ClientOutput output(events, {"123456", "12345678", "y"});
    output.add("Pass");
    output.add("code 12345678 and 123456\nyes");
    BOOST_TEST(events.events().size() == 1U);
    output.finish();
    BOOST_TEST(events.events()[0].fields.at("line") == "Passcode .. and ..");
    BOOST_TEST(events.events()[1].fields.at("line") == "yes");
    BOOST_TEST(output.text() == "Passcode 12345678 and 123456\nyes");
}

BOOST_AUTO_TEST_CASE(a_trace_that_keeps_nothing_numbers_and_tells_all_the_same) {
    Trace trace(false, Trace::Keep::nothing);
    std::vector<std::uint64_t> told;
    trace.set_listener([&told](const TraceEvent& event) { told.push_back(event.number); });
    for (int i = 0; i < 3; ++i) {
        trace.add("note", -1, {{"text", "x"}});
    }
    BOOST_TEST(trace.events().empty());
    BOOST_TEST((told == std::vector<std::uint64_t>{1, 2, 3}));

    Trace keeping;
    keeping.add("note", -1, {{"text", "x"}});
    BOOST_TEST(keeping.events().size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_trace_begun_anew_has_nothing_of_before) {
    Trace trace;
    for (int i = 0; i < 3; ++i) {
        trace.add("note", -1, {{"text", "x"}});
    }
    BOOST_TEST(trace.size() == 3U);
    BOOST_TEST(trace.events_from(2).size() == 1U);
    BOOST_TEST(trace.events_from(2).front().number == 3U);
    BOOST_TEST(trace.events_from(4).empty());
    trace.begin_anew();
    BOOST_TEST(trace.size() == 0U);
    BOOST_TEST(trace.events().empty());
    trace.add("note", -1, {{"text", "y"}});
    BOOST_TEST(trace.events().front().number == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
