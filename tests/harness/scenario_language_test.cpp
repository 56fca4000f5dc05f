// The scenario language beyond cards, faults and card states: client, person, authority, trace, clock.
#include "harness/errors.h"
#include "harness/scenario.h"

#include <boost/test/unit_test.hpp>

using namespace cardrig::harness;

namespace {

const std::string good = R"(title: A title
shows: What it shows
clock: 2 years
timing: real
needs: [authority, finish]
cards: {holder: {profile: piv-staff}, agent: {profile: piv-staff}, old: {profile: piv-staff}}
readers: [holder, agent]
authority:
  roles: {agent: [staff, agent]}
  revoked: old
  unlock-code-age: 20 minutes
  window: 30 days
  lifetime: 1 year
client: {task: renew, arguments: [--role, "{task}"], environment: {A: b}, limit: 60 seconds}
person:
  on: pipe
  acts:
    - {when: 'Passcode: $', types: "222222"}
    - {when: 'Take it out', does: [remove, insert card old], types: ""}
    - {when: 'Code', types: "{unlock-code-agent}", always: true}
expect:
  exit: success
  says: [success, done]
  never-says: cannot
  trace:
    holds: [generate-key-pair 9A, authority certificate 9C]
    never: verify card agent
    before: {verify passcode: [generate-key-pair, put-data card agent]}
    failed-tries: 1
    apdus: 400
    time: 20 s
  authority: {issued: 2, unused: 0}
then:
  - clock: 1 day
  - run: {client: {use: other, task: login}, answers: ["333333"], expect: {exit: 0, invariants: {I4: window}}}
  - run: {client: {task: view}, expect: {exit: 0, invariants: {I4: window}}}
  - converge: {within: 3, expect: {card: {passcode: "444444"}}}
)";

std::string with(const std::string& from, const std::string& to) {
    std::string text = good;
    const std::size_t at = text.find(from);
    BOOST_TEST_REQUIRE(at != std::string::npos, from);
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

void check(const std::vector<Mistake>& mistakes) {
    for (const Mistake& mistake : mistakes) {
        BOOST_TEST_CONTEXT(mistake.to) {
            const std::string message = refusal(with(mistake.from, mistake.to));
            BOOST_TEST(message.starts_with(mistake.place), message);
            BOOST_TEST(message.find(mistake.word) != std::string::npos, message);
        }
    }
}

} // namespace

BOOST_AUTO_TEST_SUITE(scenario_language)

BOOST_AUTO_TEST_CASE(the_scenario_and_its_authority_are_read) {
    const Scenario read = parse_scenario(good, "s.yaml");
    BOOST_TEST(read.faked_clock);
    BOOST_TEST(read.real_timing);
    BOOST_TEST(read.clock_offset({}).count() == 730 * 86400);
    BOOST_TEST(read.needs == (std::vector<std::string>{"authority", "finish"}),
               boost::test_tools::per_element());
    BOOST_TEST(read.authority.roles.at("agent").size() == 2U);
    BOOST_TEST(read.authority.revoked.at(0) == "old");
    BOOST_TEST(read.authority.unlock_code_age.count() == 1200);
    BOOST_TEST(read.authority.rules.window.count() == 30 * 86400);
    BOOST_TEST(read.authority.rules.lifetime.count() == 365 * 86400);
}

BOOST_AUTO_TEST_CASE(the_client_and_the_person_are_read) {
    const Scenario read = parse_scenario(good, "s.yaml");
    const ScenarioRun& run = *read.acts[0].run;
    BOOST_TEST(run.client.use == "cardrig-client");
    BOOST_TEST(run.client.task == "renew");
    BOOST_TEST(run.client.arguments.at(1) == "{task}");
    BOOST_TEST(run.client.environment.at("A") == "b");
    BOOST_TEST(run.client.command.empty());
    BOOST_TEST(run.client.place == "s.yaml:14:9");
    BOOST_TEST_REQUIRE(run.person.has_value());
    BOOST_TEST(!run.person->terminal);
    BOOST_TEST_REQUIRE(run.person->acts.size() == 3U);
    BOOST_TEST(run.person->acts[0].types.value() == "222222");
    BOOST_TEST(!run.person->acts[0].always);
    BOOST_TEST(run.person->acts[1].does.at(1).text() == "insert card old");
    BOOST_TEST(run.person->acts[2].always);
    BOOST_TEST(run.person->acts[2].place == "s.yaml:20:7");
}

BOOST_AUTO_TEST_CASE(what_is_expected_is_read) {
    const Scenario read = parse_scenario(good, "s.yaml");
    const Expectation& expect = read.acts[0].run->expect;
    BOOST_TEST(expect.says.at(1) == "done");
    BOOST_TEST(expect.never_says.at(0) == "cannot");
    BOOST_TEST(expect.trace.holds.at(1).command == "certificate");
    BOOST_TEST(expect.trace.never.at(0).card == "agent");
    BOOST_TEST_REQUIRE(expect.trace.before.size() == 2U);
    BOOST_TEST(expect.trace.before[1].first.object == "passcode");
    BOOST_TEST(expect.trace.before[1].second.card == "agent");
    BOOST_TEST(expect.trace.failed_tries.value() == 1U);
    BOOST_TEST(expect.trace.apdus.value() == 400U);
    BOOST_TEST(expect.trace.time->count() == 20'000);
    BOOST_TEST(expect.authority.issued.value() == 2U);
    BOOST_TEST(expect.authority.unused.value() == 0U);
}

BOOST_AUTO_TEST_CASE(further_acts_have_what_the_run_before_had) {
    const Scenario read = parse_scenario(good, "s.yaml");
    BOOST_TEST_REQUIRE(read.acts.size() == 5U);
    BOOST_TEST(read.acts[1].clock->count() == 86400);
    BOOST_TEST(read.acts[1].running() == nullptr);
    const ScenarioRun& login = *read.acts[2].run;
    BOOST_TEST(login.client.use == "other");
    BOOST_TEST(!login.person.has_value()); // answers took its place
    BOOST_TEST(read.acts[3].run->client.use == "other");
    BOOST_TEST(read.acts[3].run->answers.at(0) == "333333");
    BOOST_TEST_REQUIRE(read.acts[4].converge.has_value());
    BOOST_TEST(read.acts[4].converge->within == 3U);
    BOOST_TEST(read.acts[4].running()->client.task == "view");
    BOOST_TEST(read.acts[4].running()->expect.exit.met_by(0, false));
    BOOST_TEST(read.acts[4].running()->expect.cards.at(1).unchanged);
    BOOST_TEST(read.longest().count() == 60 + 120 + 120 + 3 * 120);
    BOOST_TEST(read.passcodes() == (std::vector<std::string>{"222222", "333333", "444444"}),
               boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_clock_is_a_span_or_a_moment) {
    const Scenario then = parse_scenario(with("clock: 2 years", "clock: 2030-05-01T12:00:00Z"), "s.yaml");
    const auto host = std::chrono::sys_days(std::chrono::year(2030) / 5 / 1);
    BOOST_TEST(then.clock_offset(host).count() == 12 * 3600);
    BOOST_TEST(!parse_scenario(
                    "title: t\nshows: s\ncard: {profile: p}\nclient: {task: view}\nexpect: {exit: 0}\n", "s")
                    .faked_clock);
    BOOST_TEST(
        parse_scenario("title: t\nshows: s\ncard: {profile: p}\nclient: {task: view}\nexpect: {exit: 0}\n"
                       "then: [clock: 1 day]\n",
                       "s")
            .faked_clock);
    BOOST_TEST(
        parse_scenario("title: t\nshows: s\ncard: {profile: p}\nclient: {task: view}\nexpect: {exit: 0}\n"
                       "person: [{when: x, types: \"y\"}]\n",
                       "s")
            .acts[0]
            .run->person->terminal);
}

BOOST_AUTO_TEST_CASE(each_mistake_about_the_whole_has_its_place_and_word) {
    check({
        {"clock: 2 years", "clock: 2 yeers", "s.yaml:3:8", "'years'"},
        {"clock: 2 years", "clock: 2030-02-30T12:00:00Z", "s.yaml:3:8", "no moment"},
        {"clock: 2 years", "clok: 2 years", "s.yaml:3:1", "'clock'"},
        {"timing: real", "timing: rael", "s.yaml:4:9", "'real'"},
        {"[authority, finish]", "[authority, finsh]", "s.yaml:5:20", "'finish'"},
        {"[authority, finish]", "[finish, finish]", "s.yaml:5:17", "twice"},
        {"{agent: [staff, agent]}", "{agnt: staff}", "s.yaml:9:11", "'agent'"},
        {"[staff, agent]", "[staff, clerk]", "s.yaml:9:26", "clerk"},
        {"[staff, agent]", "[]", "s.yaml:9:18", "empty list"},
        {"revoked: old", "revoked: odl", "s.yaml:10:12", "'old'"},
        {"revoked: old", "unknown: agent", "s.yaml:10:12", "'roles'"},
        {"revoked: old", "revoked: old\n  unknown: [old]", "s.yaml:11:13", "'revoked'"},
        {"unlock-code-age: 20", "unlock-code-age: -20", "s.yaml:11:20", "negative"},
        {"window: 30 days", "window: 0 days", "s.yaml:12:11", "more than nothing"},
        {"window: 30 days", "windw: 30 days", "s.yaml:12:3", "'window'"},
    });
}

BOOST_AUTO_TEST_CASE(each_mistake_about_the_client_and_the_person_has_its_place_and_word) {
    check({
        {"task: renew, arg", "task: renwe, arg", "s.yaml:14:16", "'renew'"},
        {"task: renew, arg", "arg", "s.yaml:14:9", "'task'"},
        {"task: renew, arg", "use: a/b, task: renew, arg", "s.yaml:14:15", "clients"},
        {"task: renew, arg", "command: [x], arg", "s.yaml:14:24", "one of the two"},
        {"task: renew, arguments: [--role, \"{task}\"]", "command: [x], task: renew", "s.yaml:14:24",
         "'command'"},
        {"task: renew, arguments: [--role, \"{task}\"]", "command: [\"{task}\"]", "s.yaml:14:9", "no task"},
        {"\"{task}\"", "\"{tsk}\"", "s.yaml:14:43", "'task'"},
        {"[--role, \"{task}\"]", "--role", "s.yaml:14:34", "list"},
        {"  on: pipe", "  on: pip", "s.yaml:16:7", "'pipe'"},
        {"  on: pipe", "  at: pipe", "s.yaml:16:3", "'at'"},
        {"types: \"222222\"", "types: 222222", "s.yaml:18:36", "quotes"},
        {"types: \"222222\"", "typs: \"222222\"", "s.yaml:18:29", "'types'"},
        {", types: \"222222\"", "", "s.yaml:18:7", "'does'"},
        {"'Passcode: $'", "'Passcode( $'", "s.yaml:18:14", "Passcode("},
        {"insert card old]", "insert card odl]", "s.yaml:19:44", "'old'"},
        {"insert card old]", "answer 6982]", "s.yaml:19:44", "fault"},
        {"insert card old]", "cut-power prefix half]", "s.yaml:19:44", "memory write"},
        {"{unlock-code-agent}", "{unlock-code-agnt}", "s.yaml:20:29", "'unlock-code-agent'"},
        {"always: true", "always: yes", "s.yaml:20:60", "yes"},
        {"person:", "answers: []\nperson:", "s.yaml:16:1", "one of the two"},
        {"task: login}, answers", "task: login}, person: [], answers", "s.yaml:35:46", "one of the two"},
    });
    BOOST_TEST(refusal(with("types: \"222222\"", "types: 8675309")).find("8675309") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(each_mistake_about_what_is_expected_has_its_place_and_word) {
    check({
        {"says: [success, done]", "says: [sucess, done]", "s.yaml:23:10", "'success'"},
        {"never-says: cannot", "never-says: success", "s.yaml:24:3", "one of the two"},
        {"task: renew, arguments: [--role, \"{task}\"]", "command: [x]", "s.yaml:23:3", "'output'"},
        {"[generate-key-pair 9A", "[generate-key-pear 9A", "s.yaml:26:13", "'generate-key-pair'"},
        {"[generate-key-pair 9A", "[generate-key-pair 9A after", "s.yaml:26:13", "'after'"},
        {"[generate-key-pair 9A", "[\"put-data #2\"", "s.yaml:26:13", "'#2'"},
        {"[generate-key-pair 9A", "[\"put-data write #2\"", "s.yaml:26:13", "'write'"},
        {"[generate-key-pair 9A", "[card-time 5 s", "s.yaml:26:13", "'time'"},
        {"[generate-key-pair 9A", "[verify card agent", "s.yaml:27:12", "'holds'"},
        {"never: verify card agent", "never: verify card agnt", "s.yaml:27:12", "'agent'"},
        {"{verify passcode:", "{verify pascode:", "s.yaml:28:14", "'passcode'"},
        {"{verify passcode:", "{verify card odl:", "s.yaml:28:14", "'odl'"},
        {"[generate-key-pair, put", "[verify passcode, put", "s.yaml:28:32", "itself"},
        {"failed-tries: 1", "failed-tries: -1", "s.yaml:29:19", "-1"},
        {"apdus: 400", "apdus: many", "s.yaml:30:12", "many"},
        {"time: 20 s", "time: 20 secs", "s.yaml:31:11", "secs"},
        {"time: 20 s", "time: 0 s", "s.yaml:31:11", "1 ms"},
        {"unused: 0", "unused: 3", "s.yaml:32:34", "issued"},
        {"issued: 2", "isued: 2", "s.yaml:32:15", "'issued'"},
    });
}

BOOST_AUTO_TEST_CASE(each_mistake_about_an_act_has_its_place_and_word) {
    check({
        {"- clock: 1 day", "- clock: -1 days", "s.yaml:34:12", "moved on"},
        {"- clock: 1 day", "- clok: 1 day", "s.yaml:34:5", "'clock'"},
        {"- clock: 1 day", "- {clock: 1 day, run: {expect: {exit: 0}}}", "s.yaml:34:5", "one thing"},
        {"- clock: 1 day", "- clock", "s.yaml:34:5", "2 years"},
        {"- clock: 1 day", "- converge", "s.yaml:34:5", "within"},
        {"- clock: 1 day", "- convrge", "s.yaml:34:5", "'converge'"},
        {"within: 3", "within: 0", "s.yaml:37:24", "1 to 20"},
        {"within: 3", "wthin: 3", "s.yaml:37:15", "within"},
        {"within: 3", "within: 3, fault: {at: verify before, do: remove}", "s.yaml:37:27", "undisturbed"},
        {"{card: {passcode", "{exit: 1, card: {passcode", "s.yaml:37:36", "success"},
    });
    BOOST_TEST(
        refusal(with("{card: {passcode: \"444444\"}}", "{invariants: {I4: broken}}")).find("every promise") !=
        std::string::npos);
    BOOST_TEST(refusal(with("  - converge: {within: 3, expect: {card: {passcode: \"444444\"}}}\n", ""))
                   .find("no later run closes it") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
