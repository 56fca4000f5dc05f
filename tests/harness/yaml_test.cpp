#include "harness/yaml.h"

#include "harness/errors.h"

#include <functional>
#include <string>

#include <boost/test/unit_test.hpp>

using cardrig::harness::nearest_word;
using cardrig::harness::RequestError;
using cardrig::harness::unknown_word;
using cardrig::harness::YamlMapping;
using cardrig::harness::YamlValue;
using namespace std::chrono_literals;

namespace {

YamlValue parse(std::string_view text) {
    return YamlValue::parse(text, "f.yaml");
}

YamlValue value_of(std::string_view text) {
    return parse("k: " + std::string(text)).mapping().require("k");
}

/// The message with which something is refused; empty where it is not.
std::string refusal(const std::function<void()>& action) {
    try {
        action();
    } catch (const RequestError& error) {
        return error.what();
    }
    return "";
}

std::string parse_refusal(std::string_view text) {
    return refusal([&] { static_cast<void>(parse(text)); });
}

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

/// Refused at this place, with this word in the message.
void check_refused(std::string_view text, std::string_view place, std::string_view word) {
    const std::string message = parse_refusal(text);
    BOOST_TEST(message.starts_with(std::string(place)), message);
    BOOST_TEST(contains(message, word), message);
}

} // namespace

BOOST_AUTO_TEST_SUITE(yaml)

BOOST_AUTO_TEST_CASE(mappings_lists_and_scalars_are_told_apart) {
    YamlMapping root = parse("a: 1\nb: [x, \"y\"]\nc: {d: e}\nf:\n").mapping();
    BOOST_TEST(root.keys() == (std::vector<std::string>{"a", "b", "c", "f"}),
               boost::test_tools::per_element());
    BOOST_TEST(root.require("a").is_scalar());
    BOOST_TEST(root.require("b").is_sequence());
    BOOST_TEST(root.require("b").sequence().at(1).text() == "y");
    BOOST_TEST(root.require("c").is_mapping());
    BOOST_TEST(root.require("c").mapping().require("d").text() == "e");
    BOOST_TEST(!root.require("f").is_scalar());
    BOOST_TEST(!root.take("z").has_value());
    BOOST_TEST(refusal([&] { root.finish(); }).empty());
}

BOOST_AUTO_TEST_CASE(a_duplicate_key_is_refused_at_its_second_place) {
    check_refused("a: 1\nb: 2\n  \na: 3\n", "f.yaml:4:1", "'a' is here twice; the first is in line 1");
    check_refused("a: {b: 1, b: 2}\n", "f.yaml:1:11", "'b'");
    check_refused("\"a\": 1\na: 2\n", "f.yaml:2:1", "'a'");
}

BOOST_AUTO_TEST_CASE(anchors_aliases_merge_keys_and_tags_are_refused) {
    check_refused("a: &x 1\n", "f.yaml:1:4", "anchor");
    check_refused("a: &x {b: 1}\n", "f.yaml:1:4", "anchor");
    check_refused("a: &x [1]\n", "f.yaml:1:4", "anchor");
    check_refused("&k a: 1\n", "f.yaml:1:1", "anchor");
    check_refused("a: &x\n", "f.yaml:1:4", "anchor");
    check_refused("a: *x\n", "f.yaml:1:4", "anchor");
    check_refused("a: 1\n<<: {b: 2}\n", "f.yaml:2:1", "merge");
    check_refused("a: !!int 5\n", "f.yaml:1:4", "tag");
    check_refused("a: !mine 5\n", "f.yaml:1:4", "tag");
    check_refused("a: !<x> [5]\n", "f.yaml:1:4", "tag");
    check_refused("!!map {a: 5}\n", "f.yaml:1:1", "tag");
    check_refused("a: ! 012345\n", "f.yaml:1:4", "tag");
    check_refused("\"\xC3\xBC\": x\nb: ! 012345\n", "f.yaml:2:4", "tag");
}

BOOST_AUTO_TEST_CASE(a_quoted_merge_key_is_a_key) {
    BOOST_TEST(parse("\"<<\": 1\n").mapping().require("<<").integer(0, 9) == 1);
}

BOOST_AUTO_TEST_CASE(one_document_and_no_less_is_read) {
    check_refused("a: 1\n---\nb: 2\n", "f.yaml:2:1", "second document");
    check_refused("a: 1\n...\n---\nb: 2\n", "f.yaml:3:1", "second document");
    check_refused("", "f.yaml:1:1", "empty");
    check_refused("\n# only a comment\n", "f.yaml:1:1", "empty");
    check_refused("---\n", "f.yaml:1:1", "empty");
    check_refused("~\n", "f.yaml:1:1", "empty");
    BOOST_TEST(parse("--- \na: 1\n...\n").mapping().require("a").integer(0, 9) == 1);
}

BOOST_AUTO_TEST_CASE(nesting_is_bounded) {
    const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
    BOOST_TEST(parse_refusal(nested(32)).empty());
    check_refused(nested(33), "f.yaml:1:33", "nested more than 32 deep");
    BOOST_TEST(contains(parse_refusal(nested(100'000)), "f.yaml:1:"));
}

BOOST_AUTO_TEST_CASE(what_is_not_utf8_text_is_refused_at_its_place) {
    using namespace std::string_literals;
    check_refused("a: 1\nb: \xFF\n", "f.yaml:2:4", "FF is not UTF-8");
    check_refused("a: \xC0\xAF\n", "f.yaml:1:4", "C0");         // overlong
    check_refused("a: \xE0\x80\x80\n", "f.yaml:1:4", "E0");     // overlong
    check_refused("a: \xED\xA0\x80\n", "f.yaml:1:4", "ED");     // a surrogate
    check_refused("a: \xF4\x90\x80\x80\n", "f.yaml:1:4", "F4"); // beyond 10FFFF
    check_refused("a: \xE2\x82\n", "f.yaml:1:4", "E2");         // cut short
    check_refused("a: \x80\n", "f.yaml:1:4", "80");
    check_refused("a: x\0y\n"s, "f.yaml:1:5", "NUL");
    check_refused("\xFF\xFE"
                  "a\0:\0"s,
                  "f.yaml:1:1", "FF is not UTF-8"); // UTF-16
    check_refused(std::string((1U << 20U) + 1, '#'), "f.yaml:1:1", "1048576");
    BOOST_TEST(value_of("M\xC3\xBCller \xE2\x82\xAC \xF0\x9F\x92\xB3").text() ==
               "M\xC3\xBCller \xE2\x82\xAC \xF0\x9F\x92\xB3");
}

BOOST_AUTO_TEST_CASE(broken_syntax_is_refused_at_its_place) {
    check_refused("a: [1, 2\nb: 3\n", "f.yaml:2:2", "not YAML");
    check_refused("a: \"open\n", "f.yaml:2:1", "closing quote");
    check_refused("a: 'open", "f.yaml:2:1", "closing quote");
    check_refused("a: [1, 2", "f.yaml:", "not YAML");
    check_refused("a: {b: 1", "f.yaml:", "not YAML");
    check_refused("a: 1\n\tb: 2\n", "f.yaml:2:1", "not YAML");
    check_refused("[a]: 1\n", "f.yaml:1:1", "a key must be a word");
    check_refused("? {a: b}\n: 1\n", "f.yaml:1:3", "a key must be a word");
    check_refused(": 1\n", "f.yaml:1:1", "a key is missing");
}

BOOST_AUTO_TEST_CASE(a_key_that_nobody_took_is_refused_with_the_nearest) {
    YamlMapping root = parse("title: x\npasscod: y\n").mapping();
    static_cast<void>(root.take("title"));
    static_cast<void>(root.take("passcode"));
    const std::string message = refusal([&] { root.finish(); });
    BOOST_TEST(message == "f.yaml:2:1: key 'passcod' is unknown; did you mean 'passcode'?");
}

BOOST_AUTO_TEST_CASE(copies_of_a_mapping_share_what_was_taken) {
    YamlMapping root = parse("a: 1\n").mapping();
    YamlMapping copy = root;
    static_cast<void>(copy.take("a"));
    BOOST_TEST(refusal([&] { root.finish(); }).empty());
}

BOOST_AUTO_TEST_CASE(a_missing_key_is_named_at_the_mapping) {
    BOOST_TEST(refusal([] {
                   static_cast<void>(parse("a: {b: 1}\n").mapping().require("a").mapping().require("c"));
               }) == "f.yaml:1:4: the key 'c' is missing");
}

BOOST_AUTO_TEST_CASE(what_is_a_name_must_stand_in_quotes) {
    BOOST_TEST(value_of("\"0123\"").quoted() == "0123");
    BOOST_TEST(value_of("'0123'").quoted() == "0123");
    BOOST_TEST(refusal([] { static_cast<void>(value_of("0123").quoted()); }).starts_with("f.yaml:1:4: "));
    // It may be a passcode.
    BOOST_TEST(!contains(refusal([] { static_cast<void>(value_of("0123").quoted()); }), "0123"));
}

BOOST_AUTO_TEST_CASE(whole_numbers_are_read_and_nothing_else) {
    BOOST_TEST(value_of("0").integer(0, 9) == 0);
    BOOST_TEST(value_of("-12").integer(-20, 9) == -12);
    BOOST_TEST(value_of("9223372036854775807").integer(0, INT64_MAX) == INT64_MAX);
    for (const char* wrong : {"007", "00", "+1", "1.0", "0x10", "1e3", "-", "1 2", "\"1\"",
                              "9223372036854775808", "one", "1_000", ".5", "-01"}) {
        const std::string message =
            refusal([&] { static_cast<void>(value_of(wrong).integer(-100, INT64_MAX)); });
        BOOST_TEST(contains(message, "f.yaml:1:4: "), wrong);
    }
    BOOST_TEST(refusal([] { static_cast<void>(value_of("16").integer(1, 15)); }) ==
               "f.yaml:1:4: 16 is out of range: 1 to 15");
}

BOOST_AUTO_TEST_CASE(booleans_are_true_and_false) {
    BOOST_TEST(value_of("true").boolean());
    BOOST_TEST(!value_of("false").boolean());
    for (const char* wrong : {"yes", "True", "1", "\"true\"", "on"}) {
        BOOST_TEST(contains(refusal([&] { static_cast<void>(value_of(wrong).boolean()); }), "f.yaml:1:4: "),
                   wrong);
    }
}

BOOST_AUTO_TEST_CASE(durations_have_a_number_and_a_unit) {
    BOOST_CHECK(value_of("30 days").duration() == 720h);
    BOOST_CHECK(value_of("-2 hours").duration() == -2h);
    BOOST_CHECK(value_of("1 year").duration() == 365 * 24h);
    BOOST_CHECK(value_of("2 weeks").duration() == 14 * 24h);
    BOOST_CHECK(value_of("90 minutes").duration() == 90min);
    BOOST_CHECK(value_of("10 seconds").duration() == 10s);
    BOOST_CHECK(value_of("0 days").duration() == 0s);
    BOOST_CHECK(value_of("200 years").duration() == 200 * 365 * 24h);
    for (const char* wrong : {"30", "days", "30days", "1.5 hours", "30  days", "30 days ago", "03 days",
                              "201 years", "-201 years", "9223372036854775807 years", "[30, days]", "30 "}) {
        BOOST_TEST(contains(refusal([&] { static_cast<void>(value_of(wrong).duration()); }), "f.yaml:1:4: "),
                   wrong);
    }
    BOOST_TEST(refusal([] { static_cast<void>(value_of("30 dayz").duration()); }) ==
               "f.yaml:1:4: unit of time 'dayz' is unknown; did you mean 'days'?");
}

BOOST_AUTO_TEST_CASE(accessors_refuse_what_they_cannot_be) {
    BOOST_TEST(contains(refusal([] { static_cast<void>(value_of("[1]").text()); }), "not a list"));
    BOOST_TEST(contains(refusal([] { static_cast<void>(value_of("").text()); }), "not nothing"));
    BOOST_TEST(contains(refusal([] { static_cast<void>(value_of("~").quoted()); }), "not nothing"));
    BOOST_TEST(contains(refusal([] { static_cast<void>(value_of("x").mapping()); }), "not a single value"));
    BOOST_TEST(contains(refusal([] { static_cast<void>(value_of("{a: 1}").sequence()); }), "not a mapping"));
    BOOST_TEST(refusal([] {
                   static_cast<void>(value_of("cut").word({"cut-power", "remove", "cat"}));
               }) == "f.yaml:1:4: 'cut' is unknown; did you mean 'cat'?");
}

BOOST_AUTO_TEST_CASE(overrides_replace_and_add_values_by_dotted_key) {
    const YamlValue before = parse("a: {b: 1, c: 2}\nd: x\n");
    const YamlValue after = before.with({{"a.b", "7"}, {"d", "\xC3\xBC"}, {"e.f", "0123"}, {"g", "[1, 2]"}});
    YamlMapping root = after.mapping();
    BOOST_TEST(root.require("a").mapping().require("b").integer(0, 9) == 7);
    BOOST_TEST(root.require("a").mapping().require("c").integer(0, 9) == 2);
    BOOST_TEST(root.require("d").text() == "\xC3\xBC");
    BOOST_TEST(root.require("e").mapping().require("f").quoted() == "0123");
    BOOST_TEST(root.require("g").sequence().size() == 2U);
    BOOST_TEST(before.mapping().require("a").mapping().require("b").integer(0, 9) == 1);
}

BOOST_AUTO_TEST_CASE(trouble_with_an_override_names_it) {
    const YamlValue root = parse("a: {b: 1}\nd: x\n");
    BOOST_TEST(refusal([&] { static_cast<void>(root.with({{"d.e", "1"}})); }).starts_with("override d.e: "));
    BOOST_TEST(refusal([&] {
                   static_cast<void>(root.with({{"a..b", "1"}}));
               }).starts_with("override a..b: "));
    BOOST_TEST(refusal([&] { static_cast<void>(root.with({{"d", "[1"}})); }).starts_with("override d:"));
    BOOST_TEST(refusal([&] { static_cast<void>(root.with({{"d", "\xFF"}})); }).starts_with("override d:"));
    const YamlValue changed = root.with({{"a.b", "many"}});
    BOOST_TEST(refusal([&] {
                   static_cast<void>(changed.mapping().require("a").mapping().require("b").integer(0, 9));
               }).starts_with("override a.b: 'many'"));
}

BOOST_AUTO_TEST_CASE(the_nearest_word_is_found_where_one_is_near) {
    const std::vector<std::string> words{"passcode", "holder", "memory"};
    BOOST_TEST(nearest_word("pascode", words) == "did you mean 'passcode'?");
    BOOST_TEST(nearest_word("passcdoe", words) == "did you mean 'passcode'?");
    BOOST_TEST(nearest_word("Memory", words) == "did you mean 'memory'?");
    BOOST_TEST(nearest_word("certificates", words).empty());
    BOOST_TEST(nearest_word("", words).empty());
    BOOST_TEST(nearest_word(std::string(1'000'000, 'x'), words).empty());
    BOOST_TEST(unknown_word("zzz", words) == "'zzz' is unknown; known here: passcode, holder, memory");
}

BOOST_AUTO_TEST_SUITE_END()
