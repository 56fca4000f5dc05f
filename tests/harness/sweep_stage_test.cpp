// The stage of a sweep, with the reference client on it: what is recorded is the same again, places are
// reached, and what they leave is judged.
#include "harness/sweep/sweep_stage.h"

#include "emulator/inspection.h"
#include "harness/client_choice.h"
#include "harness/errors.h"
#include "tests/harness/temporary_folder.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>

#include <boost/test/unit_test.hpp>

using namespace cardrig::harness;
namespace fs = std::filesystem;

namespace {

Scenario in_window() {
    Scenario scenario =
        load_scenario(std::string(CARDRIG_SOURCE_DIR) + "/scenarios/self-renewal/in-window.yaml");
    resolve_clients(scenario, std::nullopt);
    return scenario;
}

/// One for all cases: a rig is made once in a process, while that has one thread.
struct Swept {
    Swept() : scenario(in_window()), stage(scenario, {}), first(stage.record()) {}
    static Swept& get() {
        static Swept swept;
        return swept;
    }
    Scenario scenario;
    SweepStage stage;
    Recording first;
};

SweepPlace place(const std::string& where, const std::string& effect) {
    SweepPlace made;
    made.place = Place::parse(where).value();
    made.effect = Effect::parse(effect).value();
    return made;
}

bool broke(const PlaceOutcome& outcome, const std::string& invariant) {
    return std::ranges::any_of(outcome.broken,
                               [&](const BrokenPromise& one) { return one.invariant == invariant; });
}

std::string told(const PlaceOutcome& outcome) {
    std::string text(word(outcome.outcome));
    for (const BrokenPromise& broken : outcome.broken) {
        text += "; " + broken.invariant + (broken.mended ? " (mended) " : " ") + broken.how;
    }
    return text + "; " + outcome.message;
}

} // namespace

BOOST_AUTO_TEST_SUITE(sweep_stage)

BOOST_AUTO_TEST_CASE(an_undisturbed_run_is_recorded_whole) {
    const Recording& run = Swept::get().first;
    BOOST_TEST(run.renewed);
    BOOST_TEST(run.outcome.exit_status.value() == 0);
    BOOST_TEST(run.commands > 30U);
    BOOST_TEST(run.writes() > 30U);
    const auto requests = std::ranges::count(run.events, "authority", &TraceEvent::kind);
    BOOST_TEST(requests > 3);
    BOOST_TEST(run.authority.size() == static_cast<std::size_t>(requests) + 1);
    std::uint64_t number = 0;
    for (const MemoryStep& step : run.steps) {
        if (step.kind == MemoryStep::Kind::write) {
            BOOST_TEST(step.number == ++number);
            BOOST_TEST(!step.bytes.empty());
        }
        BOOST_REQUIRE(step.event < run.events.size());
        BOOST_TEST(run.events[step.event].kind == "apdu");
        BOOST_TEST(step.requests < run.authority.size());
    }
    BOOST_TEST(number == run.writes());
}

BOOST_AUTO_TEST_CASE(a_place_without_a_run_of_the_client_is_refused) {
    StageOptions options;
    options.reruns = 0;
    const Scenario& scenario = Swept::get().scenario;
    BOOST_CHECK_EXCEPTION(SweepStage(scenario, options), RequestError, [](const RequestError& error) {
        return std::string(error.what()).starts_with("reruns: 0");
    });
}

BOOST_AUTO_TEST_CASE(the_recorded_writes_make_the_end_of_the_beginning) {
    const Recording& run = Swept::get().first;
    cardrig::emulator::Bytes memory = run.start.front().memory;
    for (const MemoryStep& step : run.steps) {
        std::ranges::copy(step.bytes, memory.begin() + step.offset);
    }
    BOOST_TEST((memory == run.end.front().memory));
    BOOST_TEST((run.start.front().memory == run.made.front().memory));
}

BOOST_AUTO_TEST_CASE(recorded_again_it_is_the_same) {
    Swept& swept = Swept::get();
    const Recording second = swept.stage.record();
    BOOST_TEST(Recording::differences(swept.first, second).empty());
    BOOST_TEST(swept.first.digest() == second.digest());
    Recording other = second;
    other.steps.pop_back();
    other.steps.erase(std::ranges::find(other.steps, MemoryStep::Kind::write, &MemoryStep::kind));
    BOOST_TEST(!Recording::differences(swept.first, other).empty());
    BOOST_TEST(swept.first.digest() != other.digest());
}

BOOST_AUTO_TEST_CASE(a_card_that_leaves_between_key_and_certificate_is_a_window_that_running_again_closes) {
    Swept& swept = Swept::get();
    const PlaceOutcome outcome = swept.stage.live(place("generate-key-pair 9A after", "remove"));
    BOOST_TEST_INFO(told(outcome));
    BOOST_TEST((outcome.outcome == Outcome::window));
    BOOST_TEST_INFO(told(outcome));
    BOOST_TEST(broke(outcome, "I4"));
    BOOST_TEST(outcome.runs == 1U);
    BOOST_TEST(!outcome.card_state.empty());
    BOOST_TEST(!outcome.client_phase.empty());
    BOOST_TEST(outcome.position > 0U);
}

BOOST_AUTO_TEST_CASE(every_way_to_interrupt_a_command_comes_to_its_place_and_is_recovered_from) {
    Swept& swept = Swept::get();
    for (const std::string effect : {"cut-power", "reset", "unplug", "kill-client"}) {
        for (const std::string where :
             {"put-data authentication-certificate before", "put-data authentication-certificate after"}) {
            const PlaceOutcome outcome = swept.stage.live(place(where, effect));
            BOOST_TEST_INFO(where << ": " << effect << ": " << told(outcome));
            BOOST_TEST((outcome.outcome == Outcome::window || outcome.outcome == Outcome::clean));
        }
    }
}

BOOST_AUTO_TEST_CASE(an_authority_that_fails_once_is_recovered_from) {
    Swept& swept = Swept::get();
    for (const std::string where : {"authority certificate 9A before", "authority certificate 9C after"}) {
        const PlaceOutcome outcome = swept.stage.live(place(where, "drop"));
        BOOST_TEST_INFO(where << ": " << told(outcome));
        BOOST_TEST((outcome.outcome == Outcome::window || outcome.outcome == Outcome::clean));
        BOOST_TEST(outcome.position > 0U);
    }
}

BOOST_AUTO_TEST_CASE(a_place_that_is_never_reached_is_no_pass) {
    const PlaceOutcome outcome = Swept::get().stage.live(place("verify passcode #9 before", "remove"));
    BOOST_TEST((outcome.outcome == Outcome::diverged));
    BOOST_TEST(outcome.message.find("never came") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(another_workstation_finishes_what_a_cut_left) {
    Swept& swept = Swept::get();
    const Recording& run = swept.first;
    // The memory after a write in the middle of the new key's coming to 9A.
    CrashState state{run.start, 0, 0};
    SweepPlace cut = place("write #1", "cut-power prefix none");
    cut.phase = SweepPhase::recovery;
    for (const MemoryStep& step : run.steps) {
        if (run.events[step.event].fields.value("text", "").starts_with("put-data")) {
            state.requests = step.requests;
            state.event = step.event;
            cut.place.write = step.number;
            break;
        }
        std::ranges::copy(step.bytes, state.cards.front().memory.begin() + step.offset);
    }
    const PlaceOutcome outcome = swept.stage.recover(cut, state);
    BOOST_TEST_INFO(told(outcome));
    BOOST_TEST((outcome.outcome == Outcome::window));
    BOOST_TEST(broke(outcome, "I4"));
    BOOST_TEST(outcome.runs == 1U);
    BOOST_TEST(outcome.broken.front().run == 0U);
    const auto key = [](const cardrig::emulator::CardImage& image) {
        return cardrig::emulator::inspect(image).value().slot(0x9A)->key_sha256;
    };
    BOOST_TEST(key(state.cards.front()) != key(run.start.front()));
}

BOOST_AUTO_TEST_CASE(what_a_place_left_is_kept_without_secrets) {
    const cardrig::tests::TemporaryFolder folder;
    const std::string kept = folder.path() + "/place";
    const PlaceOutcome outcome =
        Swept::get().stage.live(place("generate-key-pair 9C before", "cut-power"), PlaceKeep{kept});
    BOOST_TEST((outcome.outcome != Outcome::failed));
    for (const char* const name : {"cut card.card", "end card.card", "trace.jsonl", "output.txt"}) {
        BOOST_TEST_INFO(name);
        BOOST_TEST(fs::file_size(fs::path(kept) / name) > 0U);
    }
}

BOOST_AUTO_TEST_CASE(rewound_again_and_again_it_comes_to_the_same) {
    Swept& swept = Swept::get();
    const SweepPlace where = place("generate-key-pair 9A before", "cut-power");
    const PlaceOutcome first = swept.stage.live(where);
    for (int i = 0; i < 20; ++i) {
        PlaceOutcome again = swept.stage.live(where);
        again.seconds = first.seconds;
        BOOST_TEST_INFO(told(first) << " / " << told(again));
        BOOST_TEST((again == first));
    }
    BOOST_TEST(Recording::differences(swept.first, swept.stage.record()).empty());
}

BOOST_AUTO_TEST_CASE(a_state_of_somebody_elses_is_refused) {
    Swept& swept = Swept::get();
    const CrashState none{swept.first.start, swept.first.authority.size(), 0};
    BOOST_CHECK_THROW(static_cast<void>(swept.stage.recover(place("write #1", "cut-power"), none)),
                      RequestError);
}

BOOST_AUTO_TEST_SUITE_END()
