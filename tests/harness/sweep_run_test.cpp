// The course of a sweep and its processes, with workers that are played: they crash, hang, are slow, or see
// another run. What a real one does is tested end to end.
#include "harness/errors.h"
#include "harness/sweep/sweep_run.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

using namespace cardrig::harness;
using namespace std::chrono_literals;

namespace {

/// What a worker is to do at a place, by its text.
enum class Does : std::uint8_t { well, violation, crash, hang, host_error, wrong };

struct Play {
    std::map<std::string, Does> at;
    std::vector<std::string> digests{
        "first"};             ///< of the runs of one worker, one after the other; the last stays
    std::string later_digest; ///< of every other worker's; empty: the same
    std::string undisturbed;  ///< why the run fails; empty: it does not
    int crashes = 0;          ///< workers after the first end while they record: so many
    std::size_t states = 2;
    std::size_t writes = 2;
    std::size_t commands = 6;
    bool memory_crashes = false;
    bool record_hangs = false;
    bool memory_incomplete = false;
    std::size_t broken_writes = 0; ///< I5 is broken at so many last ones
    std::size_t open_writes = 0;   ///< I4 is broken, and may be mended, at so many last ones
    bool first_unreported = false; ///< the first state was first seen in a cut that no place is reported of
    std::string counter;           ///< a file, in which workers count each other
};

PlannedPlace planned(const std::string& text, std::size_t position) {
    return {SweepPlace::parse(text).value(), static_cast<std::uint32_t>(position), "writing", 0};
}

/// Each worker has a number, from 0: its file's length tells it.
int number_of_worker(const std::string& file) {
    std::ofstream(file, std::ios::app) << 'x' << std::flush;
    return static_cast<int>(std::filesystem::file_size(file)) - 1;
}

class PlayedWork final : public SweepWork {
public:
    explicit PlayedWork(const Play& play) : play_(play), number_(number_of_worker(play.counter)) {}

    SweepRecord record(unsigned times) override {
        if (!play_.undisturbed.empty()) {
            throw RequestError(play_.undisturbed);
        }
        if (number_ > 0 && number_ <= play_.crashes) {
            ::_exit(9);
        }
        while (play_.record_hangs) {
            ::pause();
        }
        runs_ += times;
        SweepRecord record;
        record.digest = number_ > 0 && !play_.later_digest.empty()
                            ? play_.later_digest
                            : play_.digests.at(std::min<std::size_t>(runs_, play_.digests.size()) - 1);
        record.protection = "journal";
        for (std::size_t i = 0; i < play_.writes; ++i) {
            record.memory.push_back(planned("memory: write #" + std::to_string(i + 1) + ": prefix half", i));
        }
        for (std::size_t i = 0; i < play_.commands; ++i) {
            record.live.push_back(planned("live: verify #" + std::to_string(i + 1) + " before: remove", i));
        }
        return record;
    }

    MemoryPhaseResult memory(const std::function<void(const PlaceOutcome&)>& on_place) override {
        if (play_.memory_crashes) {
            ::_exit(7);
        }
        MemoryPhaseResult result;
        for (std::size_t i = 0; i < play_.writes; ++i) {
            PlaceOutcome outcome;
            outcome.place =
                SweepPlace::parse("memory: write #" + std::to_string(i + 1) + ": prefix half").value();
            outcome.state = "s" + std::to_string(i % play_.states);
            if (i + play_.broken_writes >= play_.writes) {
                outcome.outcome = Outcome::violation;
                outcome.broken = {{"I5", "", "the card does not come to its end", false, 0}};
            }
            if (i + play_.open_writes >= play_.writes) {
                outcome.outcome = Outcome::open;
                outcome.broken = {{"I4", "", "a certificate without its key", false, 0}};
            }
            on_place(outcome);
        }
        for (std::size_t i = 0; i < play_.states; ++i) {
            result.states.push_back({"s" + std::to_string(i),
                                     first_of_state(i),
                                     static_cast<std::uint32_t>(i),
                                     "writing",
                                     "as before",
                                     {}});
        }
        result.images = 10;
        result.complete = !play_.memory_incomplete;
        return result;
    }

    PlaceOutcome try_place(const SweepPlace& place, const std::optional<PlaceKeep>& keep) override {
        const auto found = play_.at.find(place.text());
        PlaceOutcome outcome;
        outcome.place = place;
        outcome.card_state = "as before";
        switch (found == play_.at.end() ? Does::well : found->second) {
        case Does::well:
            break;
        case Does::violation:
            outcome.outcome = Outcome::violation;
            outcome.broken = {{"I4", "", "a certificate without its key", false, 1}};
            break;
        case Does::crash:
            ::raise(SIGKILL);
            break;
        case Does::hang:
            while (true) {
                ::pause();
            }
        case Does::host_error:
            throw HostError("no daemon");
        case Does::wrong:
            throw RequestError("there is no such card");
        }
        if (keep) {
            std::filesystem::create_directories(keep->folder);
        }
        return outcome;
    }

    [[nodiscard]] std::vector<std::string> notices() const override {
        return {"this host refuses namespaces"};
    }

private:
    [[nodiscard]] SweepPlace first_of_state(std::size_t state) const {
        const bool unreported = state == 0 && play_.first_unreported;
        return SweepPlace::parse("recovery: write #" + std::to_string(state + 1) + ": prefix half" +
                                 (unreported ? "; recovery 1: prefix half" : ""))
            .value();
    }

    const Play& play_;
    int number_;
    std::size_t runs_ = 0;
};

/// One sweep of a play, its folder, and what is left of its processes.
struct Stage {
    Stage() {
        std::string name = (std::filesystem::temp_directory_path() / "cardrig-test-XXXXXX").string();
        BOOST_TEST_REQUIRE(::mkdtemp(name.data()) != nullptr);
        folder = name;
        play.counter = folder + "/workers";
        options.keep = folder + "/kept";
        options.replay = "cardrig sweep s.yaml --replay";
    }
    Stage(const Stage&) = delete;
    Stage& operator=(const Stage&) = delete;
    ~Stage() {
        std::error_code ignored;
        std::filesystem::remove_all(folder, ignored);
    }

    SweepRun::Result sweep() {
        const SignalWatch signals;
        SweepPool pool([this](const SignalWatch&) { return std::make_unique<PlayedWork>(play); },
                       SweepPoolOptions{jobs, limit, 500ms, signals});
        SweepRun run(pool, options);
        if (on_progress) {
            run.on_progress(on_progress);
        }
        return run.run();
    }

    std::string folder;
    Play play;
    SweepRunOptions options;
    std::size_t jobs = 2;
    std::chrono::milliseconds limit = 20s;
    std::function<void(const SweepProgress&)> on_progress;
};

std::map<std::string, std::string> outcomes(const SweepReport& report) {
    std::map<std::string, std::string> found;
    for (const PlaceOutcome& outcome : report.places) {
        BOOST_TEST(!found.contains(outcome.place.text()), outcome.place.text() << " twice");
        found[outcome.place.text()] = word(outcome.outcome);
    }
    return found;
}

const PlaceOutcome& at(const SweepReport& report, const std::string& place) {
    const auto found = std::ranges::find_if(
        report.places, [&](const PlaceOutcome& outcome) { return outcome.place.text() == place; });
    BOOST_TEST_REQUIRE((found != report.places.end()), place);
    return *found;
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// Of this process: none is left, ended or not.
bool has_children() {
    return ::waitpid(-1, nullptr, WNOHANG) != -1 || errno != ECHILD;
}

} // namespace

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
