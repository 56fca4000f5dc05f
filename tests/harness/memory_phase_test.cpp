// Every crash image of a renewal: sound cards come through, what is broken is found, and nothing is lost by
// merging.
#include "harness/sweep/memory_phase.h"

#include "harness/errors.h"
#include "harness/sweep/client_phase.h"
#include "harness/sweep/crash_images.h"
#include "harness/sweep/store_contents.h"
#include "tests/harness/bad_cards.h"
#include "tests/harness/recorded_renewal.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <set>
#include <string>
#include <tuple>

#include <boost/test/unit_test.hpp>

using namespace cardrig::harness;
namespace emulator = cardrig::emulator;
using cardrig::test::record_renewal;
using cardrig::test::small_card;

namespace {

const Recording& journal_card() {
    static const Recording made = record_renewal({.overrides = small_card("journal"), .wrong_try = true});
    return made;
}

const MemoryPhaseResult& of_journal_card() {
    static const MemoryPhaseResult result = run_memory_phase(journal_card(), {});
    return result;
}

/// "I4" and so on, of these outcomes.
std::set<std::string> broken(const MemoryPhaseResult& result, Outcome outcome) {
    std::set<std::string> ids;
    for (const PlaceOutcome& place : result.places) {
        for (const BrokenPromise& promise : place.broken) {
            if (place.outcome == outcome) {
                ids.insert(promise.invariant);
            }
        }
    }
    return ids;
}

void check_no_violation(const MemoryPhaseResult& result) {
    for (const PlaceOutcome& place : result.places) {
        for (const BrokenPromise& promise : place.broken) {
            BOOST_TEST((promise.invariant == "I2" || promise.invariant == "I4"),
                       place.place.text() << ": " << promise.invariant << " " << promise.how);
        }
    }
    BOOST_TEST(result.complete);
}

/// Places of first cuts alone, with what they broke.
std::vector<std::tuple<std::string, Outcome, std::vector<std::string>, std::string>>
first_cuts(const MemoryPhaseResult& result) {
    std::vector<std::tuple<std::string, Outcome, std::vector<std::string>, std::string>> cuts;
    for (const PlaceOutcome& place : result.places) {
        if (!place.place.further.empty()) {
            continue;
        }
        std::vector<std::string> how;
        for (const BrokenPromise& promise : place.broken) {
            how.push_back(promise.invariant + " " + promise.how);
        }
        cuts.emplace_back(place.place.text(), place.outcome, how, place.card_state);
    }
    return cuts;
}

std::set<std::string> broken_by_recoveries(const MemoryPhaseResult& result) {
    std::set<std::string> all;
    for (const PlaceOutcome& place : result.places) {
        for (const BrokenPromise& promise : place.broken) {
            if (!place.place.further.empty()) {
                all.insert(promise.invariant + " " + promise.how);
            }
        }
    }
    return all;
}

/// Of every fourth write, in every way.
MemoryPhaseResult of_some_writes(const Recording& recording, const CardMaker& maker, bool merge, bool memo) {
    std::string numbers = "1";
    for (std::size_t number = 6; number <= recording.writes(); number += 4) {
        numbers += "|" + std::to_string(number);
    }
    MemoryPhaseOptions options;
    options.selection.places = std::regex("^write #(" + numbers + ")$");
    options.maker = maker;
    options.merge = merge;
    options.memo = memo;
    return run_memory_phase(recording, options);
}

MemoryPhaseResult check_merging_changes_nothing(const cardrig::test::RenewalScript& script, bool memo) {
    const Recording recording = record_renewal(script);
    const MemoryPhaseResult merged = of_some_writes(recording, script.maker, true, true);
    const MemoryPhaseResult each = of_some_writes(recording, script.maker, false, memo);
    BOOST_TEST(!merged.places.empty());
    BOOST_TEST((first_cuts(merged) == first_cuts(each)));
    BOOST_TEST((broken_by_recoveries(merged) == broken_by_recoveries(each)));
    BOOST_TEST(merged.images <= each.images);
    return merged;
}

std::set<std::string> invariants_of(const PlaceOutcome& place) {
    std::set<std::string> ids;
    std::ranges::transform(place.broken, std::inserter(ids, ids.end()), &BrokenPromise::invariant);
    return ids;
}

emulator::CardState state_of(const emulator::CardImage& image) {
    const auto state = emulator::inspect(image);
    BOOST_REQUIRE(state.has_value());
    return *state;
}

} // namespace

BOOST_AUTO_TEST_SUITE(memory_phase)

BOOST_AUTO_TEST_CASE(a_card_with_a_journal_breaks_no_promise_but_what_the_flow_opens) {
    check_no_violation(of_journal_card());
    // A new key in the place of the old one: until its certificate is there, the old one has no key.
    BOOST_TEST((broken(of_journal_card(), Outcome::open) == std::set<std::string>{"I4"}));
    BOOST_TEST(of_journal_card().recovery_cuts > 0U);
    BOOST_TEST(of_journal_card().depth > 2U);
}

BOOST_AUTO_TEST_CASE(a_card_with_a_shadow_breaks_no_promise_but_what_the_flow_opens) {
    const MemoryPhaseResult result =
        run_memory_phase(record_renewal({.overrides = small_card("shadow"), .wrong_try = true}), {});
    check_no_violation(result);
    BOOST_TEST((broken(result, Outcome::open) == std::set<std::string>{"I4"}));
}

BOOST_AUTO_TEST_CASE(a_card_without_protection_is_found_broken) {
    // Passcode and keys share an erase block.
    cardrig::test::RenewalScript script{.overrides = small_card("none")};
    script.overrides["memory.pages-per-block"] = "16";
    script.overrides["memory.blocks"] = "32";
    const MemoryPhaseResult result = run_memory_phase(record_renewal(script), {});
    const std::set<std::string> ids = broken(result, Outcome::violation);
    for (const char* const id : {"I1", "I5", "I6"}) {
        BOOST_TEST(ids.contains(id), id);
    }
    BOOST_TEST(result.recovery_cuts == 0U); // it has no recovery
    BOOST_TEST(result.complete);
}

BOOST_AUTO_TEST_CASE(each_write_is_cut_in_each_way_in_order) {
    std::vector<std::string> told;
    MemoryPhaseOptions options;
    options.on_place = [&](const PlaceOutcome& place) { told.push_back(place.place.text()); };
    const MemoryPhaseResult result = run_memory_phase(journal_card(), options);
    const std::size_t firsts = journal_card().writes() * all_tearings().size();
    BOOST_REQUIRE(result.places.size() >= firsts);
    BOOST_REQUIRE(told.size() == firsts);
    for (std::size_t i = 0; i < firsts; ++i) {
        const PlaceOutcome& place = result.places[i];
        BOOST_TEST(place.place.place.write.value() == i / all_tearings().size() + 1);
        BOOST_TEST(place.position == i / all_tearings().size());
        BOOST_TEST((place.place.effect.tearing == all_tearings()[i % all_tearings().size()]));
        BOOST_TEST(place.place.further.empty());
        BOOST_TEST(told[i] == place.place.text());
        BOOST_TEST(!place.client_phase.empty());
    }
    BOOST_TEST(result.images == firsts + result.recovery_cuts);
    BOOST_TEST(result.merged < result.images);
}

BOOST_AUTO_TEST_CASE(a_selection_is_kept_to) {
    MemoryPhaseOptions options;
    options.selection.models = {"prefix half", "weak-bits"};
    options.selection.places = std::regex("write #(3|10)$");
    const MemoryPhaseResult result = run_memory_phase(journal_card(), options);
    std::vector<std::string> texts;
    for (const auto& [text, outcome, how, state] : first_cuts(result)) {
        texts.push_back(text);
    }
    BOOST_TEST(
        texts == (std::vector<std::string>{"memory: write #3: prefix half", "memory: write #3: weak-bits",
                                           "memory: write #10: prefix half", "memory: write #10: weak-bits"}),
        boost::test_tools::per_element());
    BOOST_TEST(result.places.front().position == 2U);
}

BOOST_AUTO_TEST_CASE(what_was_not_looked_at_is_not_told_of) {
    MemoryPhaseOptions options;
    int places = 0;
    options.on_place = [&](const PlaceOutcome&) { ++places; };
    options.enough = [&] { return places > 50; };
    const MemoryPhaseResult result = run_memory_phase(journal_card(), options);
    BOOST_TEST(!result.complete);
    BOOST_TEST(first_cuts(result).size() == static_cast<std::size_t>(places));
    BOOST_TEST(result.places.size() < of_journal_card().places.size());
}

BOOST_AUTO_TEST_CASE(merging_changes_nothing_with_a_journal) {
    const auto merged =
        check_merging_changes_nothing({.overrides = small_card("journal"), .slots = {0x9A}}, true);
    BOOST_TEST(merged.recovery_cuts > 0U);
}

BOOST_AUTO_TEST_CASE(merging_changes_nothing_where_a_recovery_cannot_be_repeated) {
    cardrig::test::RenewalScript script{.overrides = small_card("journal"), .slots = {0x9A}};
    script.maker = cardrig::test::recovers_once();
    BOOST_TEST(!broken_by_recoveries(check_merging_changes_nothing(script, true)).empty());
}

BOOST_AUTO_TEST_CASE(merging_and_memo_change_nothing_without_protection) {
    const auto merged =
        check_merging_changes_nothing({.overrides = small_card("none"), .slots = {0x9A}}, false);
    BOOST_TEST(!broken(merged, Outcome::violation).empty());
}

BOOST_AUTO_TEST_CASE(a_state_is_made_again_from_its_place) {
    const emulator::CardState start = state_of(journal_card().start.front());
    std::set<std::string> ids;
    bool after_a_recovery = false;
    for (const DistinctState& state : of_journal_card().states) {
        BOOST_TEST(ids.insert(state.id).second, state.id);
        BOOST_TEST((state.first.phase == SweepPhase::recovery));
        const CrashState made = crash_state(journal_card(), state.first);
        const emulator::CardState now = state_of(made.cards.front());
        BOOST_TEST(card_phase(start, now) == state.card_state, state.first.text());
        BOOST_TEST(orphaned_certificate(now).has_value() == !state.broken.empty(), state.first.text());
        after_a_recovery = after_a_recovery || !state.first.further.empty();
    }
    BOOST_TEST(ids.size() > 5U);
}

BOOST_AUTO_TEST_CASE(an_image_alone_is_judged_as_among_the_others) {
    cardrig::test::RenewalScript script{.overrides = small_card("journal"), .slots = {0x9A}};
    script.maker = cardrig::test::recovers_once();
    const Recording recording = record_renewal(script);
    const MemoryPhaseResult all = of_some_writes(recording, script.maker, true, true);
    bool in_recovery = false;
    for (std::size_t i = 0; i < all.places.size(); i += all.places[i].broken.empty() ? 17 : 5) {
        const PlaceOutcome& listed = all.places[i];
        const PlaceOutcome alone = look_at_image(recording, listed.place, script.maker);
        BOOST_TEST_INFO(listed.place.text());
        BOOST_TEST((alone.outcome == listed.outcome));
        BOOST_TEST((invariants_of(alone) == invariants_of(listed))); // weak bits may show further states
        const bool weak = listed.place.text().find("weak-bits") != std::string::npos;
        BOOST_TEST((weak || alone.broken.size() == listed.broken.size()));
        BOOST_TEST(alone.position == listed.position);
        BOOST_TEST(alone.client_phase == listed.client_phase);
        in_recovery = in_recovery || !listed.place.further.empty();
    }
    BOOST_TEST(in_recovery);
    SweepPlace none = all.places.front().place;
    none.place.write = recording.writes() + 1;
    BOOST_CHECK_THROW(static_cast<void>(look_at_image(recording, none)), RequestError);
}

BOOST_AUTO_TEST_CASE(what_the_run_began_with_is_not_told_of_its_images) {
    const Recording whole = record_renewal({.overrides = small_card("journal"), .slots = {0x9A}});
    const auto torn = std::ranges::find_if(whole.steps, [&](const MemoryStep& step) {
        return step.kind == MemoryStep::Kind::write && step.event < whole.events.size() &&
               whole.events[step.event].fields.value("text", "").starts_with("put-data");
    });
    BOOST_REQUIRE(torn != whole.steps.end());
    SweepPlace cut =
        SweepPlace::parse("recovery: write #" + std::to_string(torn->number) + ": prefix none").value();
    Recording half = whole; // it begins with a new key, and the old certificate
    half.start = crash_state(whole, cut).cards;
    half.steps.erase(half.steps.begin(), half.steps.begin() + (torn - whole.steps.begin()));
    BOOST_REQUIRE(orphaned_certificate(half.start.front()).has_value());
    BOOST_TEST(!broken(run_memory_phase(whole, {}), Outcome::open).empty());
    BOOST_TEST(broken(run_memory_phase(half, {}), Outcome::open).empty());
}

BOOST_AUTO_TEST_CASE(a_card_whose_recoveries_do_not_end_is_told_of) {
    cardrig::test::RenewalScript script{.overrides = small_card("journal"), .slots = {0x9A}};
    const Recording recording = record_renewal(script);
    MemoryPhaseOptions options;
    options.selection.models = {"prefix none"};
    options.selection.places = std::regex("^write #[12]$");
    options.maker.power_on = [](emulator::Nvm& memory, const emulator::CardConfig& config,
                                const emulator::Environment& environment) {
        const std::uint32_t last = memory.geometry().size() - 2; // it counts its power-ons there
        std::array<std::uint8_t, 2> count{};
        memory.read(last, count);
        count[1] = static_cast<std::uint8_t>(count[1] + 1);
        count[0] = static_cast<std::uint8_t>(count[0] + (count[1] == 0 ? 1 : 0));
        memory.write(last, count);
        return emulator::Card::power_on(memory, config, environment);
    };
    const MemoryPhaseResult result = run_memory_phase(recording, options);
    BOOST_TEST(result.complete);
    BOOST_TEST_REQUIRE(first_cuts(result).size() == 2U);
    for (std::size_t i = 0; i < 2; ++i) {
        BOOST_TEST((result.places[i].outcome == Outcome::failed));
        BOOST_TEST(result.places[i].message.find("do not come to an end") != std::string::npos);
    }
}

BOOST_AUTO_TEST_CASE(another_card_is_part_of_the_state) {
    Recording two = journal_card();
    const Recording other = record_renewal({.overrides = small_card("journal"), .slots = {0x9A}});
    for (TraceEvent& event : two.events) {
        event.fields["card"] = "1";
    }
    const std::size_t events = two.events.size();
    for (TraceEvent event : other.events) {
        event.fields["card"] = "agent";
        two.events.push_back(event);
    }
    for (MemoryStep step : other.steps) {
        step.card = 1;
        step.event += events;
        step.requests += 2;
        two.steps.push_back(step);
    }
    two.card_names = {"1", "agent"};
    two.made.push_back(other.made.front());
    two.start.push_back(other.start.front());
    two.end.push_back(other.end.front());
    two.passcodes.push_back(other.passcodes.front());
    const MemoryPhaseResult result = run_memory_phase(two, {});
    check_no_violation(result);
    BOOST_TEST(first_cuts(result).size() == two.writes() * all_tearings().size());
    const auto last = std::ranges::find_if(
        result.states, [](const DistinctState& state) { return state.first.place.card == "agent"; });
    BOOST_REQUIRE(last != result.states.end());
    const CrashState made = crash_state(two, last->first);
    BOOST_TEST((made.cards.front().memory == two.end.front().memory));
    BOOST_TEST((made.cards.back().memory != two.end.front().memory));
}

BOOST_AUTO_TEST_SUITE_END()
