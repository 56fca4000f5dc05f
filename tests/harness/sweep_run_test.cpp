// The course of a sweep and its processes.
#include "tests/harness/played_sweep.h"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <set>
#include <string>

using namespace cardrig::harness;
using namespace cardrig::tests;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(sweep_run)

BOOST_AUTO_TEST_CASE(every_place_is_tried_once_and_no_process_is_left) {
    Stage stage;
    const auto result = stage.sweep();
    BOOST_TEST(result.signal == 0);
    const auto found = outcomes(result.report);
    BOOST_TEST(found.size() == 10U); // 2 writes, 2 states, 6 commands
    BOOST_TEST(std::ranges::all_of(found, [](const auto& one) { return one.second == "clean"; }));
    BOOST_TEST(result.report.complete());
    BOOST_TEST(exit_status(result.report) == 0);
    BOOST_TEST(result.report.subject.digest == "first");
    BOOST_TEST(result.report.notices.size() == 1U);
    BOOST_TEST(!has_children());
}

BOOST_AUTO_TEST_CASE(a_worker_that_crashes_fails_its_place_alone) {
    Stage stage;
    stage.play.at["live: verify #3 before: remove"] = Does::crash;
    const auto result = stage.sweep();
    BOOST_TEST(outcomes(result.report).size() == 10U);
    const PlaceOutcome& crashed = at(result.report, "live: verify #3 before: remove");
    BOOST_TEST(word(crashed.outcome) == "failed");
    BOOST_TEST(contains(crashed.message, "signal 9"), crashed.message);
    BOOST_TEST(crashed.position == 2U);
    BOOST_TEST(std::ranges::count(result.report.places, Outcome::clean, &PlaceOutcome::outcome) == 9);
    BOOST_TEST(exit_status(result.report) == 4);
    BOOST_TEST(!has_children());
}

BOOST_AUTO_TEST_CASE(a_worker_that_hangs_is_ended_after_the_limit) {
    Stage stage;
    stage.limit = 1500ms;
    stage.play.at["live: verify #2 before: remove"] = Does::hang;
    const auto result = stage.sweep();
    BOOST_TEST(outcomes(result.report).size() == 10U);
    const PlaceOutcome& hung = at(result.report, "live: verify #2 before: remove");
    BOOST_TEST(word(hung.outcome) == "failed");
    BOOST_TEST(contains(hung.message, "nothing was heard"), hung.message);
    BOOST_TEST(!has_children());
}

BOOST_AUTO_TEST_CASE(trouble_of_ours_fails_the_place_and_says_why) {
    Stage stage;
    stage.play.at["live: verify before: remove"] = Does::host_error;
    stage.play.at["live: verify #2 before: remove"] = Does::wrong;
    const auto result = stage.sweep();
    BOOST_TEST(at(result.report, "live: verify before: remove").message == "no daemon");
    BOOST_TEST(at(result.report, "live: verify #2 before: remove").message == "there is no such card");
    BOOST_TEST(outcomes(result.report).size() == 10U);
}

BOOST_AUTO_TEST_CASE(the_only_worker_is_replaced_when_it_has_ended) {
    Stage stage;
    stage.jobs = 1;
    stage.play.at["live: verify before: remove"] = Does::host_error;
    const auto found = outcomes(stage.sweep().report);
    BOOST_TEST(found.size() == 10U);
    BOOST_TEST(std::ranges::count_if(found, [](const auto& one) { return one.second == "clean"; }) == 9);
    BOOST_TEST(!has_children());
}

BOOST_AUTO_TEST_CASE(a_worker_that_is_ended_is_followed_by_another_where_there_is_room_for_one_alone) {
    Stage stage;
    stage.jobs = 1;
    stage.play.at["live: verify before: remove"] = Does::host_error;
    stage.play.at["live: verify #3 before: remove"] = Does::host_error;
    const auto result = stage.sweep();
    const auto found = outcomes(result.report);
    BOOST_TEST(found.size() == 10U);
    BOOST_TEST(std::ranges::count(result.report.places, Outcome::failed, &PlaceOutcome::outcome) == 2);
    BOOST_TEST(result.report.complete());
    BOOST_TEST(!has_children());
}

BOOST_AUTO_TEST_CASE(an_undisturbed_run_that_fails_refuses_the_sweep) {
    Stage stage;
    stage.play.undisturbed = "s.yaml: the client ended with status 3";
    BOOST_CHECK_EXCEPTION(static_cast<void>(stage.sweep()), RequestError,
                          [](const RequestError& error) { return contains(error.what(), "status 3"); });
    BOOST_TEST(!has_children());
}

BOOST_AUTO_TEST_CASE(a_choice_without_any_place_refuses_the_sweep) {
    Stage stage;
    stage.play.writes = 0;
    stage.play.states = 0;
    stage.play.commands = 0;
    stage.options.subject.phases = {"live"};
    stage.options.subject.places = "zzz";
    BOOST_CHECK_EXCEPTION(static_cast<void>(stage.sweep()), RequestError, [](const RequestError& error) {
        return contains(error.what(), "no place for --phases 'live', --places 'zzz'");
    });
    BOOST_TEST(!has_children());
    Stage shard; // one that has no part in it is no mistake
    shard.play.writes = 0;
    shard.play.states = 0;
    shard.play.commands = 1;
    shard.options.shard = {2, 2};
    BOOST_TEST(exit_status(shard.sweep().report) == 0);
}

BOOST_AUTO_TEST_CASE(a_worker_with_another_run_says_so_and_aims_by_meaning_alone) {
    Stage stage;
    stage.jobs = 1;
    stage.play.later_digest = "another";
    stage.play.at["live: verify before: remove"] = Does::crash; // so that a second worker is needed
    stage.play.commands = 2;
    stage.options.phases = {SweepPhase::live};
    const auto result = stage.sweep();
    BOOST_TEST(outcomes(result.report)["live: verify #2 before: remove"] == "clean");
    BOOST_TEST(std::ranges::any_of(result.report.notices, [](const std::string& notice) {
        return contains(notice, "not always the same");
    }));
    Stage recovering;
    recovering.jobs = 1;
    recovering.play.later_digest = "another";
    recovering.play.at["recovery: write #1: prefix half"] = Does::crash;
    const auto other = recovering.sweep();
    BOOST_TEST(outcomes(other.report)["recovery: write #2: prefix half"] == "diverged");
    BOOST_TEST(exit_status(other.report) == 4);
}

BOOST_AUTO_TEST_CASE(a_worker_records_again_until_its_run_is_the_first_ones) {
    Stage stage;
    stage.jobs = 1;
    stage.play.digests = {"odd", "first", "first"};
    stage.play.at["recovery: write #1: prefix half"] = Does::crash;
    const auto result = stage.sweep(); // the first worker records twice: "first"; the second: "odd", "first"
    BOOST_TEST(outcomes(result.report)["recovery: write #2: prefix half"] == "clean");
}

BOOST_AUTO_TEST_CASE(workers_that_come_to_nothing_do_not_end_the_sweep) {
    Stage stage;
    stage.play.crashes = 100;
    const auto result = stage.sweep();
    BOOST_TEST(outcomes(result.report).size() == 10U); // the first one did it all
    BOOST_TEST(!has_children());
}

BOOST_AUTO_TEST_CASE(a_memory_phase_that_crashes_is_said_of_each_of_its_places) {
    Stage stage;
    stage.play.memory_crashes = true;
    const auto result = stage.sweep();
    BOOST_TEST(outcomes(result.report)["memory: write #1: prefix half"] == "failed");
    BOOST_TEST(outcomes(result.report)["live: verify #6 before: remove"] == "clean");
    BOOST_TEST(exit_status(result.report) == 4);
}

BOOST_AUTO_TEST_CASE(a_memory_phase_that_ended_early_keeps_what_it_found_at_its_last_place) {
    Stage stage;
    stage.play.memory_incomplete = true;
    stage.play.broken_writes = 1;
    const auto result = stage.sweep();
    BOOST_TEST(outcomes(result.report)["memory: write #2: prefix half"] == "violation");
    BOOST_TEST(exit_status(result.report) == 1);
    BOOST_TEST(!result.report.complete());
}

BOOST_AUTO_TEST_CASE(a_recovery_says_from_which_state_and_decides_every_cut_that_left_it) {
    Stage stage;
    stage.play.writes = 4;
    stage.play.open_writes = 4;
    stage.play.first_unreported = true;
    const auto result = stage.sweep();
    for (const PlaceOutcome& outcome : result.report.places) {
        if (outcome.place.phase == SweepPhase::recovery) {
            BOOST_TEST(outcome.state == (outcome.place.further.empty() ? "s1" : "s0"));
        } else if (outcome.place.phase == SweepPhase::memory) {
            BOOST_TEST(word(outcome.outcome) == "window", outcome.place.text());
        }
    }
    BOOST_TEST(exit_status(result.report) == 0);
    Stage second; // which takes its recoveries over
    second.play = stage.play;
    second.play.counter = second.folder + "/workers";
    second.options.previous = result.report;
    second.play.at["recovery: write #2: prefix half"] = Does::violation;
    BOOST_TEST((outcomes(second.sweep().report) == outcomes(result.report)));
}

BOOST_AUTO_TEST_CASE(a_sweep_of_recoveries_alone_without_a_memory_phase_is_incomplete) {
    Stage stage;
    stage.options.phases = {SweepPhase::recovery};
    stage.play.commands = 0;
    stage.play.memory_crashes = true;
    const auto result = stage.sweep();
    BOOST_TEST(result.report.places.empty());
    BOOST_TEST(exit_status(result.report) == 4);
}

BOOST_AUTO_TEST_CASE(a_budget_that_is_over_leaves_the_rest_and_says_what) {
    Stage stage;
    stage.options.until = std::chrono::steady_clock::now();
    const auto result = stage.sweep();
    BOOST_TEST(result.report.places.empty());
    BOOST_TEST(result.report.not_reached.size() == 8U); // what states there are, nobody knows yet
    BOOST_TEST(exit_status(result.report) == 4);
}

BOOST_AUTO_TEST_CASE(a_finding_is_tried_once_more) {
    Stage stage;
    stage.play.at["live: verify #4 before: remove"] = Does::violation;
    stage.play.at["live: verify #5 before: remove"] = Does::violation;
    const auto result = stage.sweep();
    BOOST_TEST(exit_status(result.report) == 1);
    BOOST_TEST_REQUIRE(result.report.groups.size() == 1U);
    const FindingGroup& group = result.report.groups.front();
    BOOST_TEST(group.places == 2U);
    BOOST_TEST(group.first.text() == "live: verify #4 before: remove");
    BOOST_TEST(group.reproduced.value_or(false));
    BOOST_TEST(group.reproduce == "cardrig sweep s.yaml --replay 'live: verify #4 before: remove'");
    BOOST_TEST(std::filesystem::is_directory(group.folder));
    BOOST_TEST(contains(group.folder, "01 I4 writing"), group.folder);
}

BOOST_AUTO_TEST_CASE(a_signal_ends_it_and_what_there_is_stays) {
    Stage stage;
    stage.play.at["live: verify #6 before: remove"] = Does::hang;
    stage.on_progress = [](const SweepProgress& progress) {
        if (progress.done == 9) {
            ::kill(::getpid(), SIGINT);
        }
    };
    const auto result = stage.sweep();
    BOOST_TEST(result.signal == SIGINT);
    BOOST_TEST(result.report.places.size() == 9U);
    BOOST_TEST(result.report.not_reached.size() == 1U);
    BOOST_TEST(!has_children());
}

BOOST_AUTO_TEST_CASE(a_listing_tries_nothing) {
    Stage stage;
    stage.play.at["live: verify before: remove"] = Does::crash;
    const SignalWatch signals;
    SweepPool pool([&](const SignalWatch&) { return std::make_unique<PlayedWork>(stage.play); },
                   SweepPoolOptions{2, 20s, 10s, signals});
    stage.options.shard = {2, 2};
    SweepRun run(pool, stage.options);
    const auto listing = run.list();
    BOOST_TEST_REQUIRE(listing.signal == 0);
    BOOST_TEST(listing.record.live.size() == 3U);
    BOOST_TEST(listing.record.live.front().place.text() == "live: verify #2 before: remove");
}

BOOST_AUTO_TEST_CASE(a_signal_that_ends_a_listing_is_told) {
    Stage stage;
    stage.play.record_hangs = true;
    const SignalWatch signals;
    SweepPool pool([&](const SignalWatch&) { return std::make_unique<PlayedWork>(stage.play); },
                   SweepPoolOptions{1, 20s, 500ms, signals});
    SweepRun run(pool, stage.options);
    run.on_progress([](const SweepProgress&) { ::kill(::getpid(), SIGHUP); });
    BOOST_TEST(run.list().signal == SIGHUP);
}

BOOST_AUTO_TEST_SUITE_END()
