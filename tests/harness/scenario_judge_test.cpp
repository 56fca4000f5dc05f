#include "harness/scenario_judge.h"

#include "harness/authority/authority.h"
#include "harness/scenario_cards.h"
#include "tests/harness/test_card.h"

#include <algorithm>

#include <boost/test/unit_test.hpp>

using namespace cardrig::harness;
namespace emulator = cardrig::emulator;

namespace {

/// A scenario's cards with nobody who reads them: what is judged is that nothing happened to them.
class Stage {
public:
    explicit Stage(const std::string& expires, std::size_t cards = 1) : scenario_(scenario(expires, cards)) {
        run.client.task = "renew";
        run.expect.cards.resize(cards);
        outcome.exit_status = 0;
        outcome.ending = "0";
    }

    void judge() {
        const std::vector<emulator::CardImage> before = cards_.images();
        judge_.judge({run, ++number_, "run", outcome, before, events, now_, issued});
    }
    void finish() { judge_.finish(); }
    bool attempt(bool last) {
        const std::vector<emulator::CardImage> before = cards_.images();
        return judge_.judge_attempt({run, ++number_, "run", outcome, before, events, now_, issued}, last);
    }
    [[nodiscard]] bool fell_short(const std::string& what) const {
        return std::ranges::any_of(report.shortfalls, [&](const Shortfall& one) { return one.what == what; });
    }

    ScenarioRun run;
    RunOutcome outcome;
    std::vector<TraceEvent> events;
    std::vector<IssueRecord> issued;
    ScenarioReport report;

private:
    static Scenario scenario(const std::string& expires, std::size_t cards) {
        Scenario made;
        for (std::size_t i = 0; i < cards; ++i) {
            ScenarioCard card;
            card.name = i == 0 ? "holder" : "agent";
            card.profile = "piv-staff";
            card.set = {{"certificates.9A.expires", expires}, {"certificates.9C.expires", expires}};
            made.cards.push_back(card);
        }
        ScenarioReader reader;
        reader.card = 0;
        made.readers.push_back(reader);
        Act act;
        act.run.emplace();
        made.acts.push_back(act);
        return made;
    }

    Scenario scenario_;
    std::chrono::sys_seconds now_ = cardrig::test::now();
    Trace trace_;
    Authority authority_{{1, {}, [this] { return now_; }}};
    ScenarioCards cards_{scenario_, std::nullopt, now_, authority_, trace_};
    ScenarioJudge judge_{scenario_, cards_, report};
    std::size_t number_ = 0;
};

TraceEvent command(const char* text, const char* status, const char* card) {
    TraceEvent event;
    event.kind = "apdu";
    event.fields = {{"text", text}, {"card-status", status}, {"card", card}, {"delivered", true}};
    return event;
}

} // namespace

BOOST_AUTO_TEST_SUITE(scenario_judge)

BOOST_AUTO_TEST_CASE(a_run_that_did_what_it_should_falls_short_of_nothing) {
    Stage stage("400 days");
    stage.judge();
    BOOST_TEST(stage.report.shortfalls.empty());
    BOOST_TEST(stage.report.notices.empty());
}

BOOST_AUTO_TEST_CASE(a_client_that_claims_what_it_did_not_do_is_caught) {
    Stage stage("30 days");
    stage.judge();
    BOOST_TEST(stage.fell_short("I8"));
    Stage honest("30 days");
    honest.outcome.exit_status = 1;
    honest.run.expect.exit.kind = ExitExpectation::Kind::failure;
    honest.judge();
    BOOST_TEST(honest.report.shortfalls.empty());
    Stage expected("30 days");
    expected.run.expect.cards[0].invariants = {{"I8", PromiseState::broken}};
    expected.judge();
    BOOST_TEST(expected.report.shortfalls.empty());
}

BOOST_AUTO_TEST_CASE(what_explains_the_others_comes_first) {
    Stage stage("30 days");
    stage.outcome.exit_status.reset();
    stage.outcome.timed_out = true;
    stage.outcome.ending = "ended by the rig after its limit of 5 seconds";
    stage.run.expect.output = {"never there"};
    stage.judge();
    BOOST_TEST_REQUIRE(stage.report.shortfalls.size() == 2U);
    BOOST_TEST(stage.report.shortfalls[0].what == "I10: the client hangs");
    BOOST_TEST(stage.report.shortfalls[1].what == "output");
}

BOOST_AUTO_TEST_CASE(trace_authority_and_words_are_judged) {
    Stage stage("400 days");
    stage.run.expect.trace.holds = {Place::parse("verify").value()};
    stage.run.expect.authority.issued = 2;
    stage.run.expect.says = {"success"};
    stage.run.client.words = {{"success", "Success"}};
    stage.judge();
    for (const char* const what : {"trace", "certificates issued", "says"}) {
        BOOST_TEST(stage.fell_short(what), what);
    }
    BOOST_TEST(stage.report.shortfalls.size() == 3U);
    Stage undescribed("400 days");
    undescribed.run.expect.says = {"success"};
    undescribed.judge();
    BOOST_TEST(undescribed.report.shortfalls.empty());
    BOOST_TEST(undescribed.report.notices.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_card_that_the_run_is_not_about_is_a_bystander) {
    const auto judged = [](const CardExpectation& expect, const char* text, const char* status) {
        Stage stage("400 days", 2);
        stage.run.expect.cards[1] = expect;
        stage.run.answers = {"111111"};
        stage.events = {command(text, status, "agent")};
        stage.judge();
        return stage.fell_short("I7");
    };
    CardExpectation unchanged;
    unchanged.unchanged = true;
    CardExpectation tries = unchanged;
    tries.passcode_tries = 3;
    CardExpectation slots = unchanged;
    slots.slots = {{0x9A, "authentication", {}, {"matches"}}};
    CardExpectation same = unchanged;
    same.slots = {{0x9A, "authentication", {"unchanged"}, {"unchanged"}}};
    CardExpectation promises = unchanged;
    promises.invariants = {{"I4", PromiseState::holds}};
    const CardExpectation any;
    for (const CardExpectation& none : {same, promises}) {
        BOOST_TEST(judged(none, "generate-key-pair 9A", "6982"));
        BOOST_TEST(judged(none, "verify passcode", "63C2"));
    }
    BOOST_TEST(judged(slots, "verify passcode", "63C2"));
    BOOST_TEST(judged(unchanged, "generate-key-pair 9A", "6982"));
    BOOST_TEST(judged(tries, "generate-key-pair 9A", "6982"));
    BOOST_TEST(!judged(slots, "generate-key-pair 9A", "6982"));
    BOOST_TEST(!judged(any, "generate-key-pair 9A", "6982"));
    BOOST_TEST(judged(unchanged, "verify passcode", "63C2"));
    BOOST_TEST(!judged(tries, "verify passcode", "63C2"));
    BOOST_TEST(!judged(any, "verify passcode", "63C2"));
}

BOOST_AUTO_TEST_CASE(a_window_that_is_said_must_be_closed_by_the_end) {
    const auto left_open = [](PromiseState said, bool closed) {
        Stage stage("30 days");
        stage.run.expect.cards[0].invariants = {{"I8", said}};
        stage.judge();
        if (closed) {
            stage.run.expect.cards[0].invariants.clear();
            stage.run.expect.exit.kind = ExitExpectation::Kind::failure;
            stage.outcome.exit_status = 1;
            stage.judge();
        }
        BOOST_TEST(stage.report.shortfalls.empty());
        stage.finish();
        return stage.fell_short("I8");
    };
    BOOST_TEST(left_open(PromiseState::window, false));
    BOOST_TEST(!left_open(PromiseState::window, true));
    BOOST_TEST(!left_open(PromiseState::broken, false));
}

BOOST_AUTO_TEST_CASE(convergence_ends_with_a_job_that_is_done) {
    Stage done("400 days");
    BOOST_TEST(done.attempt(false));
    BOOST_TEST(done.report.shortfalls.empty());
    Stage not_done("30 days");
    not_done.outcome.exit_status = 1;
    not_done.outcome.ending = "1";
    BOOST_TEST(!not_done.attempt(false));
    BOOST_TEST(not_done.report.shortfalls.empty());
    BOOST_TEST(not_done.attempt(true));
    BOOST_TEST(not_done.fell_short("I9"));
    BOOST_TEST(not_done.fell_short("exit status"));
}

BOOST_AUTO_TEST_CASE(no_attempt_may_crash_lie_or_waste_tries) {
    Stage crashing("30 days");
    crashing.outcome.exit_status.reset();
    crashing.outcome.killed = true;
    crashing.outcome.signal = 11;
    BOOST_TEST(!crashing.attempt(false));
    BOOST_TEST(crashing.fell_short("the client crashes"));
    Stage lying("30 days");
    BOOST_TEST(!lying.attempt(false));
    BOOST_TEST(lying.fell_short("I8"));
    Stage wasting("30 days");
    wasting.outcome.exit_status = 1;
    wasting.run.answers = {"yes"}; // no passcode
    wasting.events = {command("verify passcode", "63C2", "")};
    BOOST_TEST(!wasting.attempt(false));
    BOOST_TEST(wasting.fell_short("I11"));
}

BOOST_AUTO_TEST_CASE(at_most_one_certificate_is_left_unused) {
    const auto left = [](std::size_t count) {
        Stage stage("400 days");
        for (std::size_t i = 0; i < count; ++i) {
            IssueRecord record;
            record.certificate = {0x30, 0x01, static_cast<std::uint8_t>(i)};
            stage.issued.push_back(record);
        }
        BOOST_TEST(stage.attempt(false));
        return stage.fell_short("I9");
    };
    BOOST_TEST(!left(0));
    BOOST_TEST(!left(1));
    BOOST_TEST(left(2));
}

BOOST_AUTO_TEST_SUITE_END()
