#include "harness/errors.h"
#include "harness/sweep/sweep_report.h"
#include "tests/harness/invented_sweep.h"

#include <boost/test/unit_test.hpp>
#include <pugixml.hpp>

#include <algorithm>

namespace harness = cardrig::harness;
namespace tests = cardrig::tests;
using harness::Outcome;
using harness::SweepReport;

namespace {

/// Every n-th place of the invented sweep, as a shard has them.
std::vector<SweepReport> shards(std::uint32_t of) {
    const SweepReport whole = tests::invented_sweep();
    std::vector<SweepReport> shards;
    for (std::uint32_t number = 1; number <= of; ++number) {
        SweepReport shard = whole;
        shard.shard = number;
        shard.shards = of;
        shard.places.clear();
        shard.not_reached.clear();
        for (std::size_t i = number - 1; i < whole.places.size(); i += of) {
            shard.places.push_back(whole.places[i]);
        }
        for (std::size_t i = number - 1; i < whole.not_reached.size(); i += of) {
            shard.not_reached.push_back(whole.not_reached[i]);
        }
        harness::conclude(shard);
        shards.push_back(shard);
    }
    return shards;
}

std::string refusal(const std::vector<SweepReport>& reports) {
    try {
        static_cast<void>(harness::merge(reports));
    } catch (const harness::RequestError& error) {
        return error.what();
    }
    return "none";
}

bool has(const std::string& text, const std::string& part) {
    BOOST_TEST_INFO(text);
    return text.find(part) != std::string::npos;
}

/// Sorted as merged reports are, so that the two can be compared.
SweepReport whole() {
    SweepReport whole = tests::invented_sweep();
    harness::conclude(whole);
    return harness::merge({whole});
}

} // namespace

BOOST_AUTO_TEST_SUITE(sweep_merge)

BOOST_AUTO_TEST_CASE(all_shards_together_are_the_whole_sweep) {
    for (const std::uint32_t of : {2U, 3U, 7U}) {
        std::vector<SweepReport> parts = shards(of);
        std::ranges::reverse(parts);
        const SweepReport merged = harness::merge(parts);
        const SweepReport one = whole();
        BOOST_TEST(merged.places.size() == one.places.size());
        BOOST_TEST(merged.not_reached.size() == one.not_reached.size());
        BOOST_TEST_REQUIRE(merged.groups.size() == one.groups.size());
        for (std::size_t i = 0; i < one.groups.size(); ++i) {
            BOOST_TEST(merged.groups[i].first.text() == one.groups[i].first.text());
            BOOST_TEST(merged.groups[i].places == one.groups[i].places);
            BOOST_TEST(merged.groups[i].reproduce == one.groups[i].reproduce);
        }
        BOOST_TEST(harness::map_text(merged, 100, false) == harness::map_text(one, 100, false));
        BOOST_TEST(merged.missing_shards().empty());
        BOOST_TEST(merged.images == one.images);
        BOOST_TEST(harness::exit_status(merged) == 1);
        BOOST_TEST(has(harness::text(merged, 100, false), "all "));
    }
}

BOOST_AUTO_TEST_CASE(a_recovery_in_one_shard_decides_what_is_open_in_another) {
    std::vector<SweepReport> parts = shards(2);
    const auto open = std::ranges::count(parts[1].places, Outcome::open, &harness::PlaceOutcome::outcome);
    BOOST_TEST(open > 0);
    const SweepReport merged = harness::merge(parts);
    BOOST_TEST(std::ranges::count(merged.places, Outcome::open, &harness::PlaceOutcome::outcome) == 0);
}

BOOST_AUTO_TEST_CASE(missing_shards_are_told) {
    std::vector<SweepReport> parts = shards(5);
    for (SweepReport& part : parts) {
        for (harness::PlaceOutcome& place : part.places) {
            place.outcome = Outcome::clean;
            place.broken.clear();
        }
        part.not_reached.clear();
    }
    BOOST_TEST(harness::exit_status(harness::merge(parts)) == 0);
    parts.erase(parts.begin() + 3);
    parts.erase(parts.begin() + 1);
    const SweepReport merged = harness::merge(parts);
    BOOST_TEST(harness::exit_status(merged) == 4);
    BOOST_TEST(!merged.complete());
    BOOST_TEST(has(harness::text(merged, 200, false), "shards 1, 3, 5 of 5; missing: 2, 4"));
    BOOST_TEST(has(harness::text(merged, 200, false), "incomplete: missing 2 shards of 5"));
    pugi::xml_document document;
    BOOST_TEST_REQUIRE(document.load_string(harness::junit(merged).c_str()));
    BOOST_TEST(
        !document.child("testsuites").find_child_by_attribute("testsuite", "name", "shard 4 of 5").empty());
    // What was merged can be merged with the rest later.
    const SweepReport again = SweepReport::from_json(merged.to_json());
    std::vector<SweepReport> rest = shards(5);
    const SweepReport all = harness::merge({again, rest[1], rest[3]});
    BOOST_TEST(all.missing_shards().empty());
    BOOST_TEST(all.places.size() == whole().places.size());
}

BOOST_AUTO_TEST_CASE(a_shard_whose_memory_phase_did_not_end_leaves_the_whole_incomplete) {
    std::vector<SweepReport> parts = shards(2);
    for (SweepReport& part : parts) {
        part.not_reached.clear();
    }
    BOOST_TEST(harness::merge(parts).complete());
    parts[1].memory_complete = false; // and all that it does not know of, the other one does
    BOOST_TEST(!harness::merge(parts).complete());
}

BOOST_AUTO_TEST_CASE(what_does_not_go_together_is_refused_with_what_differs) {
    const auto differing = [](const auto& change) {
        std::vector<SweepReport> parts = shards(2);
        change(parts[1]);
        return refusal(parts);
    };
    BOOST_TEST(has(differing([](SweepReport& part) { part.subject.seed = 2; }), "the seed is '1' and '2'"));
    BOOST_TEST(has(differing([](SweepReport& part) { part.subject.client = "mine"; }),
                   "the client is 'reference' and 'mine'"));
    BOOST_TEST(has(differing([](SweepReport& part) { part.subject.reader = "vpcd"; }), "the reader is"));
    BOOST_TEST(has(differing([](SweepReport& part) { part.subject.phases = {"live"}; }),
                   "the choice of phases is 'memory, recovery, live' and 'live'"));
    BOOST_TEST(
        has(differing([](SweepReport& part) { part.subject.models = {"prefix"}; }), "choice of models"));
    BOOST_TEST(has(differing([](SweepReport& part) { part.subject.places = "x"; }), "choice of places"));
    BOOST_TEST(has(differing([](SweepReport& part) { part.subject.reruns = 3; }), "reruns is '2' and '3'"));
    BOOST_TEST(has(differing([](SweepReport& part) { part.subject.slowdown = 9; }), "slowdown is '10'"));
    BOOST_TEST(
        has(differing([](SweepReport& part) { part.subject.scenario = "b.yaml"; }), "the scenario is"));
    BOOST_TEST(
        has(differing([](SweepReport& part) { part.subject.digest = "11"; }), "undisturbed runs differ"));
    BOOST_TEST(has(differing([](SweepReport& part) { part.shards = 3; }), "different numbers of shards"));
    BOOST_TEST(has(differing([](SweepReport& part) { part.shard = 1; }), "shard 1 of 2 is there twice"));
    BOOST_TEST(has(refusal({}), "no reports"));
}

BOOST_AUTO_TEST_SUITE_END()
