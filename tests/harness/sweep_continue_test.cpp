// What a sweep writes down, goes on from, and is parted into.
#include "tests/harness/played_sweep.h"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <set>
#include <string>

using namespace cardrig::harness;
using namespace cardrig::tests;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(sweep_continue)

BOOST_AUTO_TEST_CASE(a_sweep_that_goes_on_tries_what_was_not_reached_and_what_failed) {
    Stage whole;
    const auto wanted = outcomes(whole.sweep().report);
    Stage first;
    first.play.at["live: verify #2 before: remove"] = Does::crash;
    first.options.until = std::chrono::steady_clock::now() + 1h;
    SweepReport partial = first.sweep().report;
    // As if it had been ended before the last two places.
    std::erase_if(partial.places, [](const PlaceOutcome& one) { return one.place.place.occurrence > 4; });
    const auto fourth = std::ranges::find_if(partial.places, [](const PlaceOutcome& one) {
        return one.place.text() == "live: verify #4 before: remove";
    });
    BOOST_TEST_REQUIRE((fourth != partial.places.end()));
    fourth->outcome = Outcome::diverged; // as on a busy host
    Stage second;
    second.options.previous = SweepReport::from_json(partial.to_json());
    second.play.at["live: verify before: remove"] = Does::crash; // which is known, and not tried
    BOOST_TEST((outcomes(second.sweep().report) == wanted));
}

BOOST_AUTO_TEST_CASE(what_an_earlier_sweep_knew_stays_until_it_is_known_again) {
    Stage whole;
    whole.play.at["recovery: write #2: prefix half"] = Does::violation;
    const SweepReport known = whole.sweep().report;
    BOOST_TEST_REQUIRE(known.complete());
    Stage out_of_time;
    out_of_time.options.previous = known;
    out_of_time.options.until = std::chrono::steady_clock::now();
    const SweepReport kept = out_of_time.sweep().report;
    BOOST_TEST((outcomes(kept) == outcomes(known)));
    BOOST_TEST(!kept.complete()); // whether there are other states now, nobody knows
    BOOST_TEST(exit_status(kept) == 1);
    Stage ends;
    ends.options.previous = known;
    ends.play.memory_crashes = true;
    BOOST_TEST((outcomes(ends.sweep().report) == outcomes(known)));
}

BOOST_AUTO_TEST_CASE(a_signal_while_it_records_loses_nothing) {
    Stage whole;
    const SweepReport known = whole.sweep().report;
    const auto interrupted = [](Stage& stage) {
        stage.play.record_hangs = true;
        stage.on_progress = [](const SweepProgress& progress) {
            if (progress.doing == "recording") {
                ::kill(::getpid(), SIGTERM);
            }
        };
        return stage.sweep();
    };
    Stage goes_on;
    goes_on.options.previous = known;
    const auto result = interrupted(goes_on);
    BOOST_TEST(result.signal == SIGTERM);
    BOOST_TEST(result.known);
    BOOST_TEST((outcomes(result.report) == outcomes(known)));
    BOOST_TEST(result.report.subject.digest == "first");
    Stage anew;
    BOOST_TEST(!interrupted(anew).known);
    BOOST_TEST(!has_children());
}

BOOST_AUTO_TEST_CASE(a_sweep_does_not_go_on_from_another_one) {
    Stage first;
    const SweepReport report = first.sweep().report;
    const auto refusal = [&](const std::function<void(Stage&)>& change) {
        Stage second;
        second.options.previous = report;
        change(second);
        try {
            static_cast<void>(second.sweep());
        } catch (const RequestError& error) {
            return std::string(error.what());
        }
        return std::string("nothing was refused");
    };
    BOOST_TEST(contains(refusal([](Stage& stage) { stage.play.digests = {"other"}; }),
                        "undisturbed run is another"));
    BOOST_TEST(contains(refusal([](Stage& stage) { stage.options.subject.client = "mine"; }),
                        "--client was nothing, and is 'mine' now"));
    BOOST_TEST(contains(refusal([](Stage& stage) { stage.options.subject.seed = 5; }), "--seed was '1'"));
    BOOST_TEST(contains(refusal([](Stage& stage) { stage.options.subject.reruns = 5; }), "--reruns was '2'"));
    BOOST_TEST(
        contains(refusal([](Stage& stage) { stage.options.subject.slowdown = 5; }), "--slowdown was '10'"));
    BOOST_TEST(contains(refusal([](Stage& stage) { stage.options.shard = {2, 3}; }), "shard 1 of 1"));
}

BOOST_AUTO_TEST_CASE(shards_are_the_whole_without_anything_twice) {
    Stage whole;
    whole.play.writes = 5;
    whole.play.commands = 7;
    const auto wanted = outcomes(whole.sweep().report);
    std::map<std::string, std::string> together;
    for (std::size_t number = 1; number <= 3; ++number) {
        Stage stage;
        stage.play.writes = 5;
        stage.play.commands = 7;
        stage.options.shard = {number, 3};
        for (const auto& [place, outcome] : outcomes(stage.sweep().report)) {
            BOOST_TEST(together.emplace(place, outcome).second, place);
        }
    }
    BOOST_TEST((together == wanted));
}

BOOST_AUTO_TEST_CASE(what_there_is_is_written_down_meanwhile) {
    Stage stage;
    std::vector<SweepReport> saved;
    stage.options.checkpoint_interval = 0ms;
    stage.options.checkpoint = [&](const SweepReport& report) { saved.push_back(report); };
    const auto result = stage.sweep();
    BOOST_TEST_REQUIRE(!saved.empty());
    for (const SweepReport& report : saved) {
        BOOST_TEST(report.subject.digest == "first");
        BOOST_TEST(report.places.size() <= result.report.places.size());
        BOOST_TEST((!report.complete() || report.places.size() == result.report.places.size()));
    }
}

BOOST_AUTO_TEST_CASE(what_cannot_be_written_meanwhile_is_a_notice) {
    Stage stage;
    stage.options.checkpoint_interval = 0ms;
    stage.options.checkpoint = [](const SweepReport&) { throw RequestError("the disk is full"); };
    const auto result = stage.sweep();
    BOOST_TEST(outcomes(result.report).size() == 10U);
    BOOST_TEST(std::ranges::any_of(result.report.notices, [](const std::string& notice) {
        return contains(notice, "the disk is full");
    }));
}

BOOST_AUTO_TEST_SUITE_END()
