// Planted defects of cards: each is found by the invariant that it was planted for, and the card without it
// is clean.
#include "harness/sweep/memory_phase.h"
#include "tests/harness/bad_cards.h"
#include "tests/harness/recorded_renewal.h"

#include <algorithm>
#include <functional>

#include <boost/test/unit_test.hpp>

using namespace cardrig::harness;
using namespace cardrig::test;

namespace {

RenewalScript script_with(const CardMaker& maker) {
    RenewalScript script;
    script.overrides = small_card("journal");
    script.maker = maker;
    script.wrong_try = true;
    script.slots = {0x9A};
    return script;
}

MemoryPhaseResult look_at(const RenewalScript& script) {
    MemoryPhaseOptions options;
    options.maker = script.maker;
    return run_memory_phase(record_renewal(script), options);
}

using Which = std::function<bool(const PlaceOutcome&)>;

bool anywhere(const PlaceOutcome&) {
    return true;
}

bool in_a_recovery(const PlaceOutcome& place) {
    return !place.place.further.empty();
}

/// The first place there that breaks it; none: nowhere. Of a promise that a client may mend the place is
/// open.
const BrokenPromise* found(const MemoryPhaseResult& result, const std::string& invariant,
                           const std::string& words = "", const Which& where = anywhere) {
    for (const PlaceOutcome& place : result.places) {
        for (const BrokenPromise& broken : place.broken) {
            if (where(place) && place.outcome != Outcome::clean && broken.invariant == invariant &&
                broken.how.find(words) != std::string::npos) {
                return &broken;
            }
        }
    }
    return nullptr;
}

/// What is broken at all, for messages.
std::string broken(const MemoryPhaseResult& result) {
    std::set<std::string> all;
    for (const PlaceOutcome& place : result.places) {
        for (const BrokenPromise& promise : place.broken) {
            all.insert(promise.invariant + (place.place.further.empty() ? " " : " (recovery) ") +
                       promise.how);
        }
    }
    std::string text;
    for (const std::string& each : all) {
        text += "\n  " + each;
    }
    return text;
}

} // namespace

BOOST_AUTO_TEST_SUITE(sweep_bad_cards)

BOOST_AUTO_TEST_CASE(control_sound_cards_are_clean) {
    for (const char* const protection : {"journal", "shadow"}) {
        RenewalScript script = script_with({});
        script.overrides = small_card(protection);
        const MemoryPhaseResult result = look_at(script);
        for (const char* const invariant : {"I1", "I2", "I5", "I6"}) {
            BOOST_TEST(found(result, invariant) == nullptr, protection << broken(result));
        }
        BOOST_TEST(std::ranges::none_of(
            result.places, [](const PlaceOutcome& place) { return place.outcome == Outcome::violation; }));
        BOOST_TEST(result.complete);
    }
}

BOOST_AUTO_TEST_CASE(a_counter_written_after_comparison_is_found) {
    const MemoryPhaseResult result = look_at(script_with(spends_tries_afterwards()));
    BOOST_TEST(found(result, "I6", "before it had spent a try") != nullptr, broken(result));
    RenewalScript right_at_once = script_with(spends_tries_afterwards());
    right_at_once.wrong_try = false;
    BOOST_TEST(found(look_at(right_at_once), "I6", "before it had spent a try") != nullptr);
}

BOOST_AUTO_TEST_CASE(key_generation_outside_a_transaction_is_found) {
    const MemoryPhaseResult result = look_at(script_with(writes_keys_in_place()));
    BOOST_TEST(found(result, "I5", "the key of 9A") != nullptr, broken(result));
}

BOOST_AUTO_TEST_CASE(a_length_written_before_its_content_is_found) {
    const MemoryPhaseResult result = look_at(script_with(writes_length_first()));
    BOOST_TEST(found(result, "I5", "the certificate of 9A") != nullptr, broken(result));
    BOOST_TEST(found(result, "I5", "the key of 9A") == nullptr, broken(result));
}

BOOST_AUTO_TEST_CASE(a_verified_state_that_outlives_the_power_is_found) {
    const MemoryPhaseResult result = look_at(script_with(remembers_verified(recorded_passcode)));
    BOOST_TEST(found(result, "I6", "still counts as verified") != nullptr, broken(result));
}

BOOST_AUTO_TEST_CASE(a_recovery_that_cannot_be_repeated_is_found_by_the_second_cut) {
    const MemoryPhaseResult result = look_at(script_with(recovers_once()));
    BOOST_TEST(found(result, "I5", "", in_a_recovery) != nullptr, broken(result));
    const Which at_the_first = [](const PlaceOutcome& place) { return place.place.further.empty(); };
    BOOST_TEST(found(result, "I5", "", at_the_first) == nullptr, broken(result));
    BOOST_TEST(found(result, "I1", "", at_the_first) == nullptr, broken(result));
}

BOOST_AUTO_TEST_CASE(a_card_that_starts_anew_when_it_looks_empty_is_found) {
    const MemoryPhaseResult result = look_at(script_with(starts_anew_when_empty()));
    BOOST_TEST(found(result, "I6") != nullptr, broken(result));
    BOOST_TEST(found(result, "I2") != nullptr, broken(result));
}

BOOST_AUTO_TEST_CASE(live_data_beside_data_being_programmed_is_found) {
    const cardrig::emulator::NvmGeometry believed{64, 4, 64};
    RenewalScript script = script_with(believes_in(believed));
    script.chip = cardrig::emulator::NvmGeometry{64, 8, 32};
    const MemoryPhaseResult result = look_at(script);
    const Which by_erase_block = [](const PlaceOutcome& place) {
        return place.place.model() == "erase-block";
    };
    const Which otherwise = [](const PlaceOutcome& place) {
        return place.place.model() != "erase-block" && place.place.further.empty();
    };
    BOOST_TEST(found(result, "I5", "", by_erase_block) != nullptr, broken(result));
    BOOST_TEST(found(result, "I5", "", otherwise) == nullptr, broken(result));
    script.chip.reset(); // the chip is what the card thinks
    const MemoryPhaseResult control = look_at(script);
    for (const char* const invariant : {"I1", "I5", "I6"}) {
        BOOST_TEST(found(control, invariant) == nullptr, broken(control));
    }
}

BOOST_AUTO_TEST_SUITE_END()
