#include "harness/scenario.h"

#include "harness/errors.h"
#include "harness/files.h"
#include "tests/harness/test_card.h"

#include <boost/test/unit_test.hpp>

#include <filesystem>

using namespace cardrig::harness;

namespace {

const std::string good = R"(title: A title
shows: What it shows
card: {profile: piv-staff, set: {certificates.9A.expires: 30 days}}
client:
  command: ["{scenarios}/client", --authority, "{authority}"]
  environment: {KEY: "{management-key}"}
  limit: 30 seconds
answers: ["123456", "y"]
fault: {at: "put-data signature-certificate #2 write #5", do: cut-power prefix one}
expect:
  exit: failure
  output: ['a+b']
  never: 'c'
  card:
    authentication: {certificate: [renewed], key: matches}
    passcode-tries: 2
    passcode: "654321"
  invariants: {I4: window}
then:
  - reinsert
  - run:
      card-in: false
      expect: {exit: 3, card: unchanged}
)";

/// The good one with one piece of text replaced.
std::string with(const std::string& from, const std::string& to) {
    std::string text = good;
    const std::size_t at = text.find(from);
    BOOST_TEST_REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

std::string refusal(const std::string& text) {
    try {
        static_cast<void>(parse_scenario(text, "s.yaml"));
    } catch (const RequestError& error) {
        return error.what();
    }
    return "";
}

struct Mistake {
    const char* from;
    const char* to;
    const char* place; ///< how the message begins
    const char* word;  ///< what it holds
};

} // namespace

BOOST_AUTO_TEST_SUITE(scenario)

BOOST_AUTO_TEST_CASE(every_key_is_read) {
    const Scenario read = parse_scenario(good, "s.yaml");
    BOOST_TEST(read.title == "A title");
    BOOST_TEST(read.profile == "piv-staff");
    BOOST_TEST(read.set.at("certificates.9A.expires") == "30 days");
    BOOST_TEST_REQUIRE(read.acts.size() == 3U);
    const ScenarioRun& run = *read.acts[0].run;
    BOOST_TEST(run.client.command.size() == 3U);
    BOOST_TEST(run.client.limit.count() == 30);
    BOOST_TEST(read.longest().count() == 60);
    BOOST_TEST(run.answers[0] == "123456");
    BOOST_TEST(run.faults[0].place.text() == "put-data signature-certificate #2 write #5");
    BOOST_TEST(run.faults[0].effect.text() == "cut-power prefix one");
    BOOST_TEST(!run.expect.exit.met_by(0));
    BOOST_TEST(run.expect.exit.met_by(7));
    BOOST_TEST(run.expect.card->passcode_tries.value() == 2);
    BOOST_CHECK(run.expect.invariants.at("I4") == PromiseState::window);
    BOOST_TEST(!read.acts[1].run.has_value());
    const ScenarioRun& again = *read.acts[2].run;
    BOOST_TEST(!again.card_in);
    BOOST_TEST(again.faults.empty());
    BOOST_TEST(again.answers.size() == 2U);
    BOOST_TEST(again.client.command.size() == 3U);
    BOOST_TEST(again.expect.card->unchanged);
    BOOST_TEST(again.expect.exit.met_by(3));
    BOOST_TEST(!again.expect.exit.met_by(4));
    BOOST_TEST(read.passcodes() == (std::vector<std::string>{"123456", "654321"}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(each_kind_of_mistake_has_its_place_and_word) {
    const std::string long_pattern = "'" + std::string(100'000, '(') + std::string(100'000, ')') + "'";
    const std::vector<Mistake> mistakes{
        {"title: A title", "titel: A title", "s.yaml:1:1", "title"},
        {"title: A title", "title: ''", "s.yaml:1:8", "empty"},
        {"shows: What it shows", "show: What", "s.yaml:", "shows"},
        {"profile: piv-staff", "profil: piv-staff", "s.yaml:3:", "profile"},
        {"limit: 30 seconds", "limit: 30 secnds", "s.yaml:7:", "secnds"},
        {"limit: 30 seconds", "limit: 0 seconds", "s.yaml:7:", "limit"},
        {"limit: 30 seconds", "limt: 30 seconds", "s.yaml:7:", "limit"},
        {"{authority}", "{authorty}", "s.yaml:5:", "authority"},
        {"{authority}", "{authority", "s.yaml:5:", "without"},
        {"[\"{scenarios}/client\", --authority, \"{authority}\"]", "client --authority", "s.yaml:5:", "list"},
        {"[\"{scenarios}/client\", --authority, \"{authority}\"]", "[]", "s.yaml:5:", "program"},
        {"[\"123456\", \"y\"]", "[123456]", "s.yaml:8:", "quotes"},
        {"[\"123456\", \"y\"]", "\"123456\"", "s.yaml:8:", "list"},
        {"\"put-data signature-certificate #2 write #5\"", "\"put-dta #2 write #5\"",
         "s.yaml:9:", "'put-data'"},
        {"\"put-data signature-certificate #2 write #5\"", "put-data", "s.yaml:9:", "quotes"},
        {"cut-power prefix one", "cut-pwer", "s.yaml:9:", "'cut-power'"},
        {"cut-power prefix one", "answer 6A80", "s.yaml:9:", "memory write"},
        {"exit: failure", "exit: failur", "s.yaml:11:", "'failure'"},
        {"exit: failure", "exit: 256", "s.yaml:11:", "256"},
        {"exit: failure", "exits: 1", "s.yaml:", "exit"},
        {"'a+b'", "'a(b'", "s.yaml:12:", "a(b"},
        {"'a+b'", long_pattern.c_str(), "s.yaml:12:", "1000 bytes"},
        {"[renewed]", "[renewd]", "s.yaml:15:", "'renewed'"},
        {"key: matches", "key: matchs", "s.yaml:15:", "'matches'"},
        {"authentication: {", "authentification: {", "s.yaml:15:", "'authentication'"},
        {"passcode-tries: 2", "passcode-tries: 16", "s.yaml:16:", "16"},
        {"passcode: \"654321\"", "passcode: 654321", "s.yaml:17:", "quotes"},
        {"passcode: \"654321\"", "passcode: \"867530912\"", "s.yaml:17:", "8 characters"},
        {"passcode: \"654321\"", "passcode: \"\"", "s.yaml:17:", "8 characters"},
        {"I4: window", "I3: window", "s.yaml:18:", "I3"},
        {"I4: window", "I4: open", "s.yaml:18:", "open"},
        {"- reinsert", "- reinsrt", "s.yaml:20:", "'reinsert'"},
        {"card-in: false", "card-in: no", "s.yaml:22:", "no"},
        {"card-in: false", "card_in: false", "s.yaml:22:", "'card-in'"},
        {"card: unchanged}", "card: unchangd}", "s.yaml:23:", "'unchanged'"},
        {"card: unchanged}", "invariants: {I4: broken}}", "s.yaml:1:1", "window"},
    };
    for (const Mistake& mistake : mistakes) {
        BOOST_TEST_CONTEXT(mistake.to) {
            const std::string message = refusal(with(mistake.from, mistake.to));
            BOOST_TEST(message.starts_with(mistake.place), message);
            BOOST_TEST(message.find(mistake.word) != std::string::npos, message);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_refused_passcode_is_not_repeated) {
    BOOST_TEST(refusal(with("[\"123456\", \"y\"]", "[8675309]")).find("8675309") == std::string::npos);
    BOOST_TEST(refusal(with("passcode: \"654321\"", "passcode: \"867530912\"")).find("867530912") ==
               std::string::npos);
}

BOOST_AUTO_TEST_CASE(placeholders_are_filled_and_braces_doubled) {
    BOOST_TEST(fill_placeholders("{a}/{{x}}/{a}", {{"a", "1"}}) == "1/{x}/1");
    BOOST_CHECK_THROW(static_cast<void>(fill_placeholders("{b}", {{"a", "1"}})), RequestError);
    BOOST_CHECK_THROW(static_cast<void>(fill_placeholders("b}", {{"a", "1"}})), RequestError);
}

BOOST_AUTO_TEST_CASE(folders_are_searched_but_for_clients_and_profiles) {
    const cardrig::test::TemporaryFolder folder;
    const auto put = [&](const std::string& name) {
        std::filesystem::create_directories(std::filesystem::path(folder.file(name)).parent_path());
        write_file(folder.file(name), std::string_view(good));
    };
    put("scenarios/b.yaml");
    put("scenarios/deep/a.yaml");
    put("scenarios/clients/x.yaml");
    put("scenarios/profiles/x.yaml");
    put("scenarios/read.md");
    const auto found = find_scenarios({folder.path()});
    BOOST_TEST_REQUIRE(found.size() == 2U);
    BOOST_TEST(found[0] == folder.file("scenarios/b.yaml"));
    const Scenario deep = load_scenario(found[1]);
    BOOST_TEST(deep.library == folder.file("scenarios"));
    BOOST_TEST(deep.folder == folder.file("scenarios/deep"));
    BOOST_CHECK_THROW(static_cast<void>(find_scenarios({folder.file("none")})), RequestError);
    BOOST_CHECK_THROW(static_cast<void>(find_scenarios({folder.file("scenarios/clients/..none")})),
                      RequestError);
}

BOOST_AUTO_TEST_SUITE_END()
