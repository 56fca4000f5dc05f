// Several scenarios of one file.
#include "harness/errors.h"
#include "harness/scenario.h"

#include <boost/test/unit_test.hpp>

using namespace cardrig::harness;

namespace {

const std::string good = R"(title: A title
shows: With {code}, {{code}}, {other} and {expires}
matrix: {expires: [30 days, 89 days], code: ["0123", "4567"], tries: [3]}
card: {profile: piv-staff, set: {certificates.9A.expires: "{expires}"}}
client: {command: [x, "{reader}"]}
answers: ["{code}"]
expect: {exit: 0, card: {passcode-tries: "{tries}", passcode: "{code}"}}
)";

std::string with(const std::string& from, const std::string& to) {
    std::string text = good;
    const std::size_t at = text.find(from);
    BOOST_TEST_REQUIRE(at != std::string::npos, from);
    return text.replace(at, from.size(), to);
}

std::string refusal(const std::string& text) {
    try {
        static_cast<void>(parse_scenarios(text, "s.yaml"));
    } catch (const RequestError& error) {
        return error.what();
    }
    return "";
}

const std::string matrix = "matrix: {expires: [30 days, 89 days], code: [\"0123\", \"4567\"], tries: [3]}";

} // namespace

BOOST_AUTO_TEST_SUITE(scenario_matrix)

BOOST_AUTO_TEST_CASE(every_combination_is_a_scenario) {
    const std::vector<Scenario> read = parse_scenarios(good, "s.yaml");
    BOOST_TEST_REQUIRE(read.size() == 4U);
    BOOST_TEST(read[0].variant == "expires=30 days, code=0123, tries=3");
    BOOST_TEST(read[1].variant == "expires=30 days, code=4567, tries=3");
    BOOST_TEST(read[2].title == "A title (expires=89 days, code=0123, tries=3)");
    BOOST_TEST(read[3].cards[0].set.at("certificates.9A.expires") == "89 days");
    BOOST_TEST(read[3].acts[0].run->answers[0] == "4567");
    BOOST_TEST(read[0].acts[0].run->answers[0] == "0123");
    BOOST_TEST(read[0].acts[0].run->client.command[1] == "{reader}");
    BOOST_TEST(read[0].acts[0].run->expect.cards[0].passcode_tries.value() == 3);
    BOOST_TEST(read[0].shows == "With 0123, {{code}}, {other} and 30 days");
}

BOOST_AUTO_TEST_CASE(a_list_has_rows) {
    const std::vector<Scenario> read =
        parse_scenarios(with(matrix, "matrix: [{expires: 30 days, code: \"0123\", tries: 1}, {tries: 2, "
                                     "expires: 1 day, code: \"4\"}]"),
                        "s.yaml");
    BOOST_TEST_REQUIRE(read.size() == 2U);
    BOOST_TEST(read[1].variant == "expires=1 day, code=4, tries=2");
    BOOST_TEST(read[1].acts[0].run->expect.cards[0].passcode_tries.value() == 2);
}

BOOST_AUTO_TEST_CASE(a_title_is_given_what_it_does_not_name) {
    const std::vector<Scenario> read =
        parse_scenarios(with("A title", "Ends in {expires}, {tries} tries"), "s.yaml");
    BOOST_TEST(read[2].title == "Ends in 89 days, 3 tries (code=0123)");
}

BOOST_AUTO_TEST_CASE(a_file_without_one_is_one_scenario) {
    BOOST_CHECK_THROW(static_cast<void>(parse_scenario(good, "s.yaml")), RequestError);
    const std::string plain =
        "title: t\nshows: s\ncard: {profile: p}\nclient: {command: [x]}\nexpect: {exit: 0}\n";
    BOOST_TEST(parse_scenarios(plain, "s.yaml").size() == 1U);
    BOOST_TEST(parse_scenarios(plain, "s.yaml")[0].variant == "");
}

BOOST_AUTO_TEST_CASE(each_mistake_has_its_place_and_word) {
    const std::string many = "matrix: {expires: [30 days], code: [\"1\"], tries: [" + [] {
        std::string values = "0";
        for (int i = 1; i <= 256; ++i) {
            values += ", " + std::to_string(i);
        }
        return values;
    }() + "]}";
    const std::string wide = "\"" + std::string(160, 'x') + "\"";
    struct Row {
        std::string from;
        std::string to;
        std::string place;
        std::string word;
    };
    const std::vector<Row> rows{
        {"tries: [3]", "tries: [3, x]", "s.yaml:7:42", "(with expires=30 days, code=0123, tries=x)"},
        {"89 days]", "30 days]", "s.yaml:3:29", "twice"},
        {"89 days]", "{a}]", "s.yaml:3:29", "{a}"},
        {"89 days]", "'{a}']", "s.yaml:3:29", "braces"},
        {"89 days]", wide + "]", "s.yaml:3:", "160"},
        {"[30 days, 89 days]", "30 days", "s.yaml:3:19", "list"},
        {"[30 days, 89 days]", "[]", "s.yaml:3:19", "no values"},
        {matrix, "matrix: {}", "s.yaml:3:9", "empty"},
        {matrix, "matrix: []", "s.yaml:3:9", "empty"},
        {matrix, "matrix: 3", "s.yaml:3:9", "combination"},
        {"answers:", "matrx: {}\nanswers:", "s.yaml:6:1", "'matrix'"},
        {matrix, many, "s.yaml:3:9", "256"},
        {matrix, "matrix: [{expires: 1 day, code: \"1\", tries: 1}, {expires: 1 day}]", "s.yaml:3:49",
         "'code'"},
        {matrix, "matrix: [{tries: 1, code: \"1\", expires: 1 day}, {tries: 1, code: \"1\", expires: 1 day}]",
         "s.yaml:3:49", "twice"},
        {"tries: [3]", "tries: [3], spare: [1]", "s.yaml:3:75", "'{spare}' is in no value"},
        {"tries: [3]", "tries: [3], reader-2: [1]", "s.yaml:3:75", "placeholder"},
        {"tries: [3]", "tries: [3], bin: [1]", "s.yaml:3:75", "placeholder"},
        {"tries: [3]", "tries: [3], Tries: [1]", "s.yaml:3:75", "small letters"},
        {"tries: [3]", "tries: [16]", "s.yaml:7:42", "16"},
        {"\"0123\"", "0123", "s.yaml:6:11", "quotes"},
        {"\"{expires}\"", "{expires}", "s.yaml:4:59", "\"{expires}\""},
    };
    for (const Row& row : rows) {
        BOOST_TEST_CONTEXT(row.to.substr(0, 100)) {
            const std::string message = refusal(with(row.from, row.to));
            BOOST_TEST(message.starts_with(row.place), message);
            BOOST_TEST(message.find(row.word) != std::string::npos, message);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
