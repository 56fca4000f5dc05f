#include "harness/sweep/sweep_order.h"
#include "harness/sweep/sweep_place.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>

namespace harness = cardrig::harness;
using harness::SweepPhase;
using harness::SweepPlace;

namespace {

SweepPlace place(const char* text) {
    const auto read = SweepPlace::parse(text);
    BOOST_TEST_REQUIRE(read.has_value(), text << ": " << (read ? "" : read.error().message));
    return *read;
}

/// Why it is refused.
std::string message(const char* text) {
    const auto read = SweepPlace::parse(text);
    BOOST_TEST_REQUIRE(!read.has_value(), text << " was read");
    return read.error().message;
}

bool names(const char* text, const char* words) {
    const std::string why = message(text);
    BOOST_TEST_INFO(why);
    return why.find(words) != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_SUITE(sweep_place)

BOOST_AUTO_TEST_CASE(each_phase_is_read_part_by_part) {
    const SweepPlace live = place("live: put-data signature-certificate block 3 before: remove");
    BOOST_CHECK(live.phase == SweepPhase::live);
    BOOST_TEST(live.place.command == "put-data");
    BOOST_TEST(live.place.block.value() == 3U);
    BOOST_CHECK(live.effect.verb == harness::Verb::remove);
    BOOST_TEST(live.further.empty());

    const SweepPlace memory = place("memory: write #57 card agent: prefix one; recovery 3: lost-writes; "
                                    "recovery 1: weak-bits 7");
    BOOST_CHECK(memory.phase == SweepPhase::memory);
    BOOST_TEST(memory.place.write.value() == 57U);
    BOOST_TEST(memory.place.card == "agent");
    BOOST_CHECK(memory.effect.verb == harness::Verb::cut_power);
    BOOST_CHECK(memory.effect.tearing->prefix == harness::Prefix::one);
    BOOST_TEST_REQUIRE(memory.further.size() == 2U);
    BOOST_TEST(memory.further[0].write == 3U);
    BOOST_CHECK(memory.further[0].tearing.model == harness::TearingModel::lost_writes);
    BOOST_TEST(memory.further[1].tearing.seed == 7U);

    BOOST_CHECK(place("recovery: write #1: erased-page").phase == SweepPhase::recovery);
}

BOOST_AUTO_TEST_CASE(what_is_read_is_written_in_one_form) {
    for (const char* text :
         {"live: put-data signature-certificate block 3 before: remove", "live: any #12 after: kill-client",
          "live: authority certificate 9A before: fail 503",
          "live: verify passcode #2 before card agent: reset",
          "memory: write #57 card agent: prefix all-but-one; recovery 3: lost-writes",
          "recovery: write #1: weak-bits", "recovery: write #18446744073709551615: erase-block"}) {
        BOOST_TEST(place(text).text() == text);
        BOOST_CHECK(place(place(text).text().c_str()) == place(text));
    }
    BOOST_TEST(place("  memory :write #5:prefix   half;recovery  2:\terase-block ").text() ==
               "memory: write #5: prefix half; recovery 2: erase-block");
    BOOST_TEST(place("live: put-data #1: cut-power").text() == "live: put-data before: cut-power");
}

BOOST_AUTO_TEST_CASE(a_model_is_the_tearing_or_the_effect_with_its_moment) {
    BOOST_TEST(place("memory: write #5: prefix half; recovery 1: lost-writes").model() == "prefix half");
    BOOST_TEST(place("recovery: write #5: atomic-page").model() == "atomic-page");
    BOOST_TEST(place("live: select before: cut-power").model() == "cut-power before");
    BOOST_TEST(place("live: authority renewal after: fail 503").model() == "fail 503 after");
}

BOOST_AUTO_TEST_CASE(a_refusal_names_the_word_and_the_right_form) {
    BOOST_TEST(names("memry: write #5: prefix half", "'memry' is unknown; did you mean 'memory'?"));
    BOOST_TEST(names("", "'live: put-data signature-certificate block 3 before: remove'"));
    BOOST_TEST(names("live", "'live' is no place of a sweep"));
    BOOST_TEST(names("live: select before", "'select before' has no effect behind a colon"));
    BOOST_TEST(names("live: selct before: remove", "did you mean 'select'?"));
    BOOST_TEST(names("live: select before: remov", "'remov'"));
    BOOST_TEST(names("live: output \"x\": remove", "a sweep interrupts commands"));
    BOOST_TEST(names("live: select before: refuse", "only the authority does that"));
    BOOST_TEST(names("memory: write #57", "'write #57' has no tearing model"));
    BOOST_TEST(names("memory: write #57:", "a tearing model is missing"));
    BOOST_TEST(names("memory: write #57: prefix halb", "'halb' is no prefix"));
    BOOST_TEST(names("memory: put-data write #5: prefix half", "only a memory write is cut there"));
    BOOST_TEST(names("recovery: write #0: prefix half", "'#0' is no number"));
    BOOST_TEST(names("memory: write #5: prefix half;", "'' is no cut in a recovery"));
    BOOST_TEST(names("memory: write #5: prefix half; recover 3: lost-writes", "'recover 3: lost-writes'"));
    BOOST_TEST(names("memory: write #5: prefix half; recovery 0: lost-writes", "'0' after 'recovery'"));
    BOOST_TEST(names("memory: write #5: prefix half; recovery 3x: lost-writes", "'3x' after 'recovery'"));
}

BOOST_AUTO_TEST_CASE(phases_have_words) {
    for (const SweepPhase phase : harness::all_sweep_phases) {
        BOOST_CHECK(harness::sweep_phase_from_word(harness::word(phase)) == phase);
    }
    BOOST_CHECK(!harness::sweep_phase_from_word("Live"));
}

BOOST_AUTO_TEST_CASE(models_stand_from_the_simplest_to_the_hardest) {
    std::vector<std::string> live;
    for (const char* text :
         {"live: authority renewal before: fail 503", "live: select after: kill-client",
          "live: select before: unplug", "live: select after: cut-power", "live: select before: cut-power",
          "live: select before: remove", "live: select before: reset"}) {
        live.emplace_back(text);
    }
    std::ranges::sort(live, {},
                      [](const std::string& text) { return harness::model_order(place(text.c_str())); });
    BOOST_TEST(live.front() == "live: select before: cut-power");
    BOOST_TEST(live[1] == "live: select after: cut-power");
    BOOST_TEST(live[2] == "live: select before: remove");
    BOOST_TEST(live.back() == "live: authority renewal before: fail 503");
    const auto& tearings = harness::all_tearings();
    for (std::size_t i = 1; i < tearings.size(); ++i) {
        SweepPlace one = place("memory: write #1: prefix");
        SweepPlace two = one;
        one.effect.tearing = tearings[i - 1];
        two.effect.tearing = tearings[i];
        BOOST_CHECK(harness::model_order(one) < harness::model_order(two));
    }
}

BOOST_AUTO_TEST_SUITE_END()
