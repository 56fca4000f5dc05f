#include "harness/expectations.h"

#include "harness/client_output.h"
#include "harness/errors.h"
#include "harness/patterns.h"

#include <csignal>
#include <map>
#include <utility>

#include <boost/test/unit_test.hpp>

using namespace cardrig::harness;

namespace {

bool found(const std::string& text, const std::string& pattern) {
    return matches_some_line(text, compile_pattern(pattern));
}

} // namespace

BOOST_AUTO_TEST_SUITE(expectations)

BOOST_AUTO_TEST_CASE(patterns_are_tried_on_each_line) {
    BOOST_TEST(found("one\ntwo\n", "^two$"));
    BOOST_TEST(found("one\r\ntwo\r\n", "^two$"));
    BOOST_TEST(found("10 %\r100 %\rdone", "^100 %$")); // how progress is shown
    BOOST_TEST(!found("one\ntwo\n", "one.two"));
    BOOST_TEST(!found("one\r\ntwo", "^$"));
}

BOOST_AUTO_TEST_CASE(a_long_line_is_searched_to_its_end) {
    const std::string long_line(50'000, 'x');
    // Around each border of what the matcher is shown at a time.
    for (std::size_t before = 4080; before < 4110; ++before) {
        BOOST_TEST(found(long_line.substr(0, before) + "Success" + long_line, "Success"), before);
        BOOST_TEST(found(long_line.substr(0, before) + "Success", "Success$"), before);
    }
    BOOST_TEST(found(long_line + " Success", "\\bSuccess$"));
    BOOST_TEST(found("Success" + long_line, "^Success"));
    for (std::size_t before = 2040; before < 2060; ++before) { // the longest match that is always found
        BOOST_TEST(found(long_line.substr(0, before) + std::string(2046, 'y') + long_line, "xy+x"), before);
    }
}

BOOST_AUTO_TEST_CASE(no_line_begins_or_ends_within_a_long_one) {
    const std::string long_line(50'000, 'x');
    BOOST_TEST(!found("a" + long_line + "a", "^x"));
    BOOST_TEST(!found("a" + long_line + "a", "x$"));
    BOOST_TEST(!found("a" + long_line + "a", "\\bx"));
    BOOST_TEST(!found("a" + long_line + "a", "x\\b"));
}

BOOST_AUTO_TEST_CASE(what_is_no_expression_is_refused) {
    BOOST_CHECK_THROW(static_cast<void>(compile_pattern("(")), RequestError);
    BOOST_CHECK_THROW(static_cast<void>(compile_pattern(std::string(1001, 'x'))), RequestError);
}

BOOST_AUTO_TEST_CASE(output_that_was_cut_fails_the_run) {
    Trace trace;
    ClientOutput output(trace, {});
    const std::string most(4U << 20U, 'x');
    output.add(most);
    BOOST_TEST(!output.cut());
    output.add("Success\n");
    output.finish();
    BOOST_TEST(output.cut());
    BOOST_TEST(output.text() == most);
    Expectation expect;
    expect.never = {"Success"};
    BOOST_TEST(check_outcome(expect, {0, false, "0", "whole", false, {}, {}}).empty());
    const auto shortfalls = check_outcome(expect, {0, false, "0", "cut", true, {}, {}});
    BOOST_TEST_REQUIRE(shortfalls.size() == 1U);
    BOOST_TEST(shortfalls[0].there.find("cut") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(each_way_to_end_is_told_from_the_others) {
    using Kind = ExitExpectation::Kind;
    struct Row {
        ExitExpectation expected;
        std::optional<int> exit_status;
        bool killed;
        bool met;
    };
    for (const Row& row : std::vector<Row>{{{Kind::success, 0}, 0, false, true},
                                           {{Kind::success, 0}, 1, false, false},
                                           {{Kind::success, 0}, std::nullopt, true, false},
                                           {{Kind::failure, 0}, 1, false, true},
                                           {{Kind::failure, 0}, 0, false, false},
                                           {{Kind::failure, 0}, std::nullopt, true, false},
                                           {{Kind::status, 7}, 7, false, true},
                                           {{Kind::status, 0}, std::nullopt, false, false},
                                           {{Kind::killed, 0}, std::nullopt, true, true},
                                           {{Kind::killed, 0}, std::nullopt, false, false}, // the limit
                                           {{Kind::killed, 0}, 137, false, false}}) {
        Expectation expect;
        expect.exit = row.expected;
        RunOutcome outcome;
        outcome.exit_status = row.exit_status;
        outcome.killed = row.killed;
        outcome.signal = row.killed ? SIGKILL : 0;
        BOOST_TEST(check_outcome(expect, outcome).empty() == row.met, row.expected.text());
    }
}

BOOST_AUTO_TEST_CASE(faults_that_did_not_happen_or_could_not_be_done_fail_the_run) {
    RunOutcome outcome;
    outcome.exit_status = 0;
    outcome.undone = {"'swap card agent' at any before could not be done: it is in reader 2"};
    const auto shortfalls = check_outcome({}, outcome);
    BOOST_TEST_REQUIRE(shortfalls.size() == 1U);
    BOOST_TEST(shortfalls[0].what == "fault");
    BOOST_TEST(shortfalls[0].there == outcome.undone[0]);
    outcome.undone.clear();
    outcome.pending.push_back({*Place::parse("verify before"), *Effect::parse("remove")});
    BOOST_TEST_REQUIRE(check_outcome({}, outcome).size() == 1U);
    BOOST_TEST(check_outcome({}, outcome)[0].expected == "remove at verify before");
}

BOOST_AUTO_TEST_CASE(a_crash_is_no_other_end) {
    using Kind = ExitExpectation::Kind;
    const auto crashes = [](ExitExpectation expected, std::optional<int> status, int signal) {
        Expectation expect;
        expect.exit = expected;
        RunOutcome outcome;
        outcome.exit_status = status;
        outcome.killed = signal != 0;
        outcome.signal = signal;
        const auto shortfalls = check_outcome(expect, outcome);
        return !shortfalls.empty() && shortfalls[0].what == "the client crashes";
    };
    BOOST_TEST(crashes({Kind::killed, 0}, std::nullopt, SIGSEGV));
    BOOST_TEST(crashes({Kind::killed, 0}, std::nullopt, SIGABRT));
    BOOST_TEST(!crashes({Kind::killed, 0}, std::nullopt, SIGTERM));
    BOOST_TEST(crashes({Kind::failure, 0}, 128 + SIGSEGV, 0)); // of a shell's program
    BOOST_TEST(crashes({Kind::success, 0}, 128 + SIGABRT, 0));
    BOOST_TEST(!crashes({Kind::failure, 0}, 128 + SIGTERM, 0));
    BOOST_TEST(!crashes({Kind::status, 128 + SIGSEGV}, 128 + SIGSEGV, 0));
}

BOOST_AUTO_TEST_CASE(how_a_client_went_wrong_has_a_name) {
    const auto first = [](const RunOutcome& outcome) {
        const auto shortfalls = check_outcome({}, outcome);
        return shortfalls.empty() ? std::string() : shortfalls[0].what;
    };
    RunOutcome outcome;
    outcome.killed = true;
    outcome.signal = SIGSEGV;
    BOOST_TEST(first(outcome) == "the client crashes");
    outcome.signal = SIGABRT;
    BOOST_TEST(first(outcome) == "the client crashes");
    outcome.signal = SIGKILL;
    BOOST_TEST(first(outcome) == "exit status");
    outcome = RunOutcome{};
    outcome.exit_status = 0;
    BOOST_TEST(first(outcome).empty());
    outcome.left_processes = true;
    BOOST_TEST(first(outcome) == "the client leaves processes behind");
    outcome.exit_status.reset();
    outcome.killed = true;
    outcome.signal = SIGSEGV;
    BOOST_TEST(check_outcome({}, outcome).size() == 2U);
    outcome.signal = SIGKILL;
    BOOST_TEST(check_outcome({}, outcome).size() == 1U);
    outcome = RunOutcome{};
    outcome.timed_out = true; // I10 tells, and there is no exit status
    BOOST_TEST(first(outcome).empty());
    Promise hanging{"I10", "after 5 seconds", "the client hangs"};
    const auto shortfalls = check_promises({}, {hanging});
    BOOST_TEST_REQUIRE(shortfalls.size() == 1U);
    BOOST_TEST(shortfalls[0].what == "I10: the client hangs");
}

BOOST_AUTO_TEST_CASE(meanings_are_looked_for_in_the_clients_own_words) {
    const std::map<std::string, std::string> words{{"success", "^Renewed"}, {"locked", "is locked"}};
    const auto judged = [&](std::vector<std::string> says, std::vector<std::string> never,
                            const char* output) {
        Expectation expect;
        expect.says = std::move(says);
        expect.never_says = std::move(never);
        std::vector<std::string> notices;
        const std::size_t shortfalls = check_sayings(expect, output, words, notices).size();
        return std::make_pair(shortfalls, notices.size());
    };
    using Found = std::pair<std::size_t, std::size_t>;
    BOOST_TEST((judged({"success"}, {"locked"}, "Renewed\n") == Found{0, 0}));
    BOOST_TEST((judged({"success"}, {}, "not Renewed\n") == Found{1, 0}));
    BOOST_TEST((judged({}, {"success"}, "Renewed\n") == Found{1, 0}));
    BOOST_TEST((judged({"success", "locked"}, {}, "") == Found{2, 0}));
    BOOST_TEST((judged({"notice"}, {"expired"}, "") == Found{0, 1})); // it has no words for these
}

BOOST_AUTO_TEST_CASE(a_promise_that_is_not_judged_cannot_be_spoken_of) {
    CardExpectation expect;
    expect.invariants = {{"I9", PromiseState::broken}};
    BOOST_TEST(check_promises(expect, {{"I1", std::nullopt}}).size() == 1U);
    expect.invariants = {{"I9", PromiseState::holds}};
    BOOST_TEST(check_promises(expect, {{"I1", std::nullopt}}).empty());
}

BOOST_AUTO_TEST_CASE(what_is_excused_is_no_shortfall_and_a_window_must_be_one) {
    Promise half{"I3", "half done"};
    BOOST_TEST(check_promises({}, {half}).size() == 1U);
    half.excused = true;
    BOOST_TEST(check_promises({}, {half}).empty());
    CardExpectation window;
    window.invariants = {{"I3", PromiseState::window}};
    BOOST_TEST(check_promises(window, {half}).empty());
    half.broken.reset();
    BOOST_TEST(check_promises(window, {half}).size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
