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

/// Several cards and readers.
const std::string several = R"(title: A title
shows: What it shows
cards:
  holder: {profile: piv-staff}
  agent: {profile: piv-blank, set: {passcode.tries: 5}}
  Spare_2: {profile: piv-blank}
readers: [holder, {name: "Vendor & Co. Reader", card: agent}, empty]
client:
  command: [client, "{reader}", "{reader-3}", "{authority-agent}"]
  environment: {KEY: "{management-key-Spare_2}"}
  control: true
fault:
  - {at: verify passcode before, do: [remove, insert card Spare_2 reader 3, delay 500 ms]}
  - {at: put-data after card agent, do: swap card Spare_2 reader 2}
  - {at: "any #3 card holder", do: kill-client}
expect:
  exit: killed
  card: unchanged
  cards:
    agent: {passcode-tries: 5, invariants: {I2: window}}
    Spare_2: any
then:
  - unplug reader 2
  - swap card agent reader 3
  - run: {expect: {exit: success}}
  - run: {card-in: as-it-is, expect: {exit: success, cards: {holder: {passcode-tries: 3}}}}
  - reinsert
  - run: {expect: {exit: success}}
  - fill-memory leaving 100 bytes
  - run: {card-in: true, expect: {exit: success}}
)";

/// One with one piece of text replaced.
std::string with(const std::string& from, const std::string& to, const std::string& whole = good) {
    std::string text = whole;
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
    BOOST_TEST_REQUIRE(read.cards.size() == 1U);
    BOOST_TEST(read.cards[0].name == "card");
    BOOST_TEST(read.cards[0].profile == "piv-staff");
    BOOST_TEST(read.cards[0].set.at("certificates.9A.expires") == "30 days");
    BOOST_TEST_REQUIRE(read.readers.size() == 1U);
    BOOST_TEST(read.readers[0].name == "");
    BOOST_TEST(read.readers[0].card.value() == 0U);
    BOOST_TEST_REQUIRE(read.acts.size() == 3U);
    const ScenarioRun& run = *read.acts[0].run;
    BOOST_TEST(run.client.command.size() == 3U);
    BOOST_TEST(run.client.limit.count() == 30);
    BOOST_TEST(read.longest().count() == 60);
    BOOST_TEST(run.answers[0] == "123456");
    BOOST_TEST(run.faults[0].place.text() == "put-data signature-certificate #2 write #5");
    BOOST_TEST(run.faults[0].effect.text() == "cut-power prefix one");
    BOOST_TEST(!run.expect.exit.met_by(0, false));
    BOOST_TEST(run.expect.exit.met_by(7, false));
    BOOST_TEST(!run.expect.exit.met_by(std::nullopt, true));
    BOOST_CHECK(run.card_in == CardIn::yes);
    BOOST_TEST(!run.client.control);
    BOOST_TEST(run.expect.cards[0].passcode_tries.value() == 2);
    BOOST_CHECK(run.expect.cards[0].invariants.at("I4") == PromiseState::window);
    BOOST_TEST(!read.acts[1].run.has_value());
    BOOST_TEST(!read.acts[1].effect.has_value());
    const ScenarioRun& again = *read.acts[2].run;
    BOOST_CHECK(again.card_in == CardIn::no);
    BOOST_TEST(again.faults.empty());
    BOOST_TEST(again.answers.size() == 2U);
    BOOST_TEST(again.client.command.size() == 3U);
    BOOST_TEST(again.expect.cards[0].unchanged);
    BOOST_TEST(again.expect.exit.met_by(3, false));
    BOOST_TEST(!again.expect.exit.met_by(4, false));
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
        {"I4: window", "I5: window", "s.yaml:18:", "I5"},
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

BOOST_AUTO_TEST_CASE(several_cards_and_readers_are_read) {
    const Scenario read = parse_scenario(several, "s.yaml");
    BOOST_TEST_REQUIRE(read.cards.size() == 3U);
    BOOST_TEST(read.cards[1].name == "agent");
    BOOST_TEST(read.cards[1].profile == "piv-blank");
    BOOST_TEST(read.cards[1].set.at("passcode.tries") == "5");
    BOOST_TEST(read.cards[2].place == "s.yaml:6:12");
    BOOST_TEST_REQUIRE(read.readers.size() == 3U);
    BOOST_TEST(read.readers[0].card.value() == 0U);
    BOOST_TEST(read.readers[1].name == "Vendor & Co. Reader");
    BOOST_TEST(read.readers[1].card.value() == 1U);
    BOOST_TEST(!read.readers[2].card.has_value());
    const ScenarioRun& run = *read.acts[0].run;
    BOOST_TEST(run.client.control);
    BOOST_TEST_REQUIRE(run.faults.size() == 5U);
    for (std::size_t i = 0; i < 3; ++i) {
        BOOST_TEST(run.faults[i].place.text() == "verify passcode before");
    }
    BOOST_TEST(run.faults[0].effect.text() == "remove");
    BOOST_TEST(run.faults[1].effect.text() == "insert card Spare_2 reader 3");
    BOOST_TEST(run.faults[2].effect.text() == "delay 500 ms");
    BOOST_TEST(run.faults[3].place.card == "agent");
    BOOST_TEST(run.faults[4].place.command == "any");
    BOOST_TEST(run.expect.exit.met_by(std::nullopt, true));
    BOOST_TEST(!run.expect.exit.met_by(137, false));
}

BOOST_AUTO_TEST_CASE(a_card_of_which_nothing_is_said_is_unchanged_but_for_the_first) {
    const Scenario read = parse_scenario(several, "s.yaml");
    const std::vector<CardExpectation>& first = read.acts[0].run->expect.cards;
    BOOST_TEST_REQUIRE(first.size() == 3U);
    BOOST_TEST(first[0].unchanged);
    BOOST_TEST(first[1].unchanged); // but for its tries
    BOOST_TEST(first[1].passcode_tries.value() == 5);
    BOOST_TEST(first[1].may_lose_tries());
    BOOST_TEST(!first[1].may_be_renewed());
    BOOST_CHECK(first[1].invariants.at("I2") == PromiseState::window);
    BOOST_TEST(!first[2].unchanged); // any
    BOOST_TEST(!first[2].says_something());
    const std::vector<CardExpectation>& second = read.acts[3].run->expect.cards;
    BOOST_TEST(!second[0].says_something());
    BOOST_TEST(second[1].unchanged);
    BOOST_TEST(second[2].unchanged);
    BOOST_TEST(read.acts[4].run->expect.cards[0].passcode_tries.value() == 3);
}

BOOST_AUTO_TEST_CASE(what_acts_have_moved_stays_moved) {
    const Scenario read = parse_scenario(several, "s.yaml");
    BOOST_TEST_REQUIRE(read.acts.size() == 9U);
    BOOST_TEST(read.acts[1].effect->text() == "unplug reader 2");
    BOOST_TEST(read.acts[1].place == "s.yaml:23:5");
    BOOST_TEST(read.acts[2].effect->text() == "swap card agent reader 3");
    BOOST_CHECK(read.acts[3].run->card_in == CardIn::as_it_is);
    BOOST_CHECK(read.acts[4].run->card_in == CardIn::as_it_is);
    BOOST_CHECK(read.acts[6].run->card_in == CardIn::yes);
    BOOST_CHECK(read.acts[8].run->card_in == CardIn::yes);
}

BOOST_AUTO_TEST_CASE(without_readers_the_first_card_is_in_the_only_one) {
    const Scenario read = parse_scenario("title: t\nshows: s\ncards: {a: {profile: piv-staff}, b: {profile: "
                                         "piv-blank}}\nclient: {command: [c]}\nexpect: {exit: 0}\n",
                                         "s.yaml");
    BOOST_TEST_REQUIRE(read.readers.size() == 1U);
    BOOST_TEST(read.readers[0].card.value() == 0U);
}

BOOST_AUTO_TEST_CASE(a_first_card_that_is_in_no_reader_stays_out) {
    const Scenario read =
        parse_scenario("title: t\nshows: s\ncard: {profile: piv-staff}\nreaders: [empty]\nclient: {command: "
                       "[c]}\nexpect: {exit: 0}\n",
                       "s.yaml");
    BOOST_CHECK(read.acts[0].run->card_in == CardIn::as_it_is);
}

BOOST_AUTO_TEST_CASE(each_mistake_about_cards_and_readers_has_its_place_and_word) {
    const std::string seventeen = "readers: [empty, empty, empty, empty, empty, empty, empty, empty, empty, "
                                  "empty, empty, empty, empty, "
                                  "empty, empty, empty, holder]";
    const std::string readers = "readers: [holder, {name: \"Vendor & Co. Reader\", card: agent}, empty]";
    const std::string long_name = "  " + std::string(33, 'a') + ": {profile";
    const std::string two_entries =
        "do: remove}\n  - {at: verify passcode before card holder, do: answer 6A80}";
    const std::string long_reader = "\"" + std::string(122, 'a') + "\"";
    const std::vector<Mistake> mistakes{
        {"cards:", "card: {profile: piv-staff}\ncards:", "s.yaml:4:1", "one of the two"},
        {"  agent: {profile", "  the agent: {profile", "s.yaml:5:3", "the agent"},
        {"  agent: {profile", "  remove: {profile", "s.yaml:5:3", "remove"},
        {"  agent: {profile", long_name.c_str(), "s.yaml:5:3", "32"},
        {"  agent: {profile", "  empty: {profile", "s.yaml:5:3", "'empty'"},
        {"  agent: {profile", "  holder: {profile", "s.yaml:5:3", "holder"},
        {"profile: piv-blank, set", "profil: piv-blank, set", "s.yaml:5:", "profile"},
        {readers.c_str(), "readers: [holder, agnt, empty]", "s.yaml:7:", "'agent'"},
        {readers.c_str(), "readers: [holder, emty, agent]", "s.yaml:7:", "'empty'"},
        {readers.c_str(), "readers: [holder, agent, holder]", "s.yaml:7:26", "reader 1 already"},
        {readers.c_str(), "readers: [{card: agent}, {card: agent}, holder]", "s.yaml:7:", "already"},
        {readers.c_str(), "readers: holder", "s.yaml:7:", "list"},
        {readers.c_str(), "readers: []", "s.yaml:7:", "empty"},
        {readers.c_str(), "readers: [{name: x}, holder, agent]", "s.yaml:7:", "card"},
        {readers.c_str(), seventeen.c_str(), "s.yaml:7:", "16 at most"},
        {"{name: \"Vendor", "{nam: \"Vendor", "s.yaml:7:", "'name'"},
        {"\"Vendor & Co. Reader\"", "''", "s.yaml:7:", "empty"},
        {"\"Vendor & Co. Reader\"", "'a\"b'", "s.yaml:7:", "quotation"},
        {"\"Vendor & Co. Reader\"", "\"a\\tb\"", "s.yaml:7:", "control"},
        {"\"Vendor & Co. Reader\"", long_reader.c_str(), "s.yaml:7:", "121"},
        {"{reader-3}", "{reader-4}", "s.yaml:9:", "'reader-2'"},
        {"{authority-agent}", "{authority-agnt}", "s.yaml:9:", "'authority-agent'"},
        {"{management-key-Spare_2}", "{management-key-spare}", "s.yaml:10:", "management-key"},
        {"control: true", "control: yes", "s.yaml:11:", "yes"},
        {"insert card Spare_2", "insert card Spare_3", "s.yaml:13:", "'Spare_2'"},
        {"Spare_2 reader 3,", "Spare_2 reader 4,", "s.yaml:13:", "3 readers"},
        {"delay 500 ms]", "answer 6A80]", "s.yaml:13:", "no answer any more"},
        {"do: [remove, insert card Spare_2 reader 3, delay 500 ms]}", two_entries.c_str(),
         "s.yaml:14:", "no answer any more"},
        {"[remove, insert", "[answer 6A80, answer 6A81, insert", "s.yaml:13:", "one answer"},
        {"[remove, insert card Spare_2 reader 3, delay 500 ms]", "[]", "s.yaml:13:", "list"},
        {"after card agent", "after card agnt", "s.yaml:14:", "'agent'"},
        {"put-data after card agent", "put-data card agent", "s.yaml:14:", "quotes"},
        {"do: kill-client", "do: wait", "s.yaml:15:", "wait"},
        {"do: kill-client", "do: kil-client", "s.yaml:15:", "'kill-client'"},
        {"exit: killed", "exit: kiled", "s.yaml:17:", "'killed'"},
        {"    agent: {passcode-tries: 5", "    agnt: {passcode-tries: 5", "s.yaml:20:", "'agent'"},
        {"    agent: {passcode-tries: 5", "    holder: {passcode-tries: 5", "s.yaml:20:", "already"},
        {"Spare_2: any", "Spare_2: anything", "s.yaml:21:", "any"},
        {"- unplug reader 2", "- unplug reader 0", "s.yaml:23:", "0"},
        {"- unplug reader 2", "- unplug reader 9", "s.yaml:23:", "3 readers"},
        {"- unplug reader 2", "- unplg reader 2", "s.yaml:23:", "'unplug'"},
        {"- unplug reader 2", "- answer 6A80", "s.yaml:23:", "any before"},
        {"- unplug reader 2", "- kill-client", "s.yaml:23:", "no client"},
        {"- unplug reader 2", "- wait", "s.yaml:23:", "no client"},
        {"- unplug reader 2", "- run", "s.yaml:23:", "expect"},
        {"- unplug reader 2", "- reinsert agent", "s.yaml:23:", "insert card"},
        {"- unplug reader 2", "- cut-power erase-block", "s.yaml:23:", "memory write"},
        {"- unplug reader 2", "- cut-power prefix half", "s.yaml:23:", "memory write"},
        {"- swap card agent reader 3", "- swap card agnt", "s.yaml:24:", "'agent'"},
        {"card-in: as-it-is", "card-in: as-it-iss", "s.yaml:26:", "'as-it-is'"},
    };
    for (const Mistake& mistake : mistakes) {
        BOOST_TEST_CONTEXT(mistake.to) {
            const std::string message = refusal(with(mistake.from, mistake.to, several));
            BOOST_TEST(message.starts_with(mistake.place), message);
            BOOST_TEST(message.find(mistake.word) != std::string::npos, message);
        }
    }
    BOOST_TEST(refusal(with("- reinsert", "- swap")).find("another card") != std::string::npos);
    BOOST_TEST(refusal("title: t\nshows: s\ncard: {profile: piv-staff}\nclient: {command: [c]}\nfault: []\n"
                       "expect: {exit: 0}\n")
                   .starts_with("s.yaml:5:8: an empty list"));
}

BOOST_AUTO_TEST_CASE(a_window_is_closed_on_the_card_on_which_it_is) {
    // Nothing else is run afterwards: all windows but the last run's are closed.
    const std::string text =
        with("card-in: true, expect: {exit: success}",
             "expect: {exit: success, cards: {agent: {invariants: {I4: window}}}}", several);
    BOOST_TEST(refusal(text).find("I4 is a window here") != std::string::npos, refusal(text));
    const std::string first = with("card-in: true, expect: {exit: success}",
                                   "expect: {exit: success, card: {invariants: {I4: broken}}}", several);
    BOOST_TEST(refusal(first) == "");
    BOOST_TEST(refusal(with("card: unchanged\n  cards",
                            "card: {invariants: {I1: broken}}\n  invariants: {I1: broken}\n  cards", several))
                   .find("here or under 'card'") != std::string::npos);
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

BOOST_AUTO_TEST_CASE(what_says_nothing_or_contradicts_itself_is_refused) {
    const auto expecting = [](const std::string& expect) {
        return refusal(
            "title: t\nshows: s\ncards: {holder: {profile: piv-staff}, agent: {profile: piv-staff}}\n"
            "client: {task: renew}\nexpect: {exit: 0, " +
            expect + "}\n");
    };
    for (const char* const nothing :
         {"output: []", "never: []", "says: []", "never-says: []", "trace: {}", "trace: {holds: []}",
          "trace: {before: {}}", "trace: {before: {verify: []}}", "authority: {}", "invariants: {}",
          "card: {}", "cards: {}", "cards: {agent: {}}", "card: {signature: {}}",
          "card: {signature: {certificate: []}}", "card: {signature: {key: []}}", "card: {invariants: {}}"}) {
        BOOST_TEST(expecting(nothing).find("says nothing") != std::string::npos, nothing);
        BOOST_TEST(expecting(nothing).starts_with("s.yaml:5:"), nothing);
    }
    for (const char* const opposite :
         {"card: {signature: {certificate: [renewed, unchanged]}}",
          "card: {signature: {certificate: [absent, renewed]}}",
          "card: {signature: {certificate: [damaged, absent]}}",
          "card: {signature: {key: [matches, differs]}}", "card: {signature: {key: [renewed, unchanged]}}"}) {
        BOOST_TEST(expecting(opposite).find("never both true") != std::string::npos, opposite);
    }
    BOOST_TEST(
        expecting("card: {signature: {certificate: absent, key: matches}}").find("without a certificate") !=
        std::string::npos);
    BOOST_TEST(expecting("trace: {before: {verify: put-data, put-data: verify}}").find("one of the two") !=
               std::string::npos);
    BOOST_TEST(expecting("trace: {holds: [verify card agent], never: [verify]}").find("one of the two") !=
               std::string::npos);
    BOOST_TEST(expecting("card: {signature: {certificate: [absent, unchanged]}}") == "");
    BOOST_TEST(expecting("trace: {holds: [verify], never: [verify card agent]}") == "");
}

BOOST_AUTO_TEST_SUITE_END()
