// What a cut leaves, made from a recording: the same as what the steps say by hand.
#include "harness/sweep/crash_images.h"

#include "harness/errors.h"
#include "tests/harness/recorded_renewal.h"

#include <algorithm>

#include <boost/test/unit_test.hpp>

using namespace cardrig::harness;
using cardrig::apdu::Bytes;
using cardrig::test::RenewalScript;

namespace {

const Recording& recording() {
    static const Recording made =
        cardrig::test::record_renewal({.overrides = cardrig::test::small_card("journal"), .slots = {0x9A}});
    return made;
}

SweepPlace place(const std::string& text) {
    auto parsed = SweepPlace::parse(text);
    BOOST_REQUIRE_MESSAGE(parsed.has_value(), text << ": " << (parsed ? "" : parsed.error().message));
    return *parsed;
}

/// The memory when so many writes were done whole; `at_sync`: when the last sync before them was.
Bytes after_writes(std::uint64_t writes, bool at_sync = false) {
    Bytes memory = recording().start.front().memory;
    Bytes synced = memory;
    for (const MemoryStep& step : recording().steps) {
        if (step.kind == MemoryStep::Kind::sync) {
            synced = memory;
        } else if (step.number > writes) {
            break;
        } else {
            std::ranges::copy(step.bytes, memory.begin() + step.offset);
        }
    }
    return at_sync ? synced : memory;
}

const MemoryStep& write_numbered(std::uint64_t number) {
    return *std::ranges::find_if(recording().steps,
                                 [number](const MemoryStep& step) { return step.number == number; });
}

Bytes left_by(const std::string& text) {
    return crash_state(recording(), place(text)).cards.front().memory;
}

Bytes erased(Bytes memory, std::uint32_t offset, std::uint32_t unit) {
    std::fill_n(memory.begin() + offset / unit * unit, unit, std::uint8_t{0xFF});
    return memory;
}

/// The first write of a transaction's that is behind another one without a sync in between.
std::uint64_t second_of_two() {
    for (std::size_t i = 1; i < recording().steps.size(); ++i) {
        if (recording().steps[i].kind == MemoryStep::Kind::write &&
            recording().steps[i - 1].kind == MemoryStep::Kind::write) {
            return recording().steps[i].number;
        }
    }
    throw std::logic_error("no two writes in a row");
}

} // namespace

BOOST_AUTO_TEST_SUITE(crash_images)

BOOST_AUTO_TEST_CASE(each_model_leaves_what_it_says) {
    const std::uint64_t number = second_of_two();
    const MemoryStep& step = write_numbered(number);
    const std::string write = "memory: write #" + std::to_string(number) + ": ";
    const Bytes before = after_writes(number - 1);
    BOOST_TEST((left_by(write + "atomic-page") == before));
    BOOST_TEST((left_by(write + "lost-writes") == after_writes(number - 1, true)));
    BOOST_TEST((left_by(write + "lost-writes") != before));
    BOOST_TEST((left_by(write + "prefix none") == before));
    Bytes half = before;
    std::copy_n(step.bytes.begin(), step.bytes.size() / 2, half.begin() + step.offset);
    BOOST_TEST((left_by(write + "prefix half") == half));
    BOOST_TEST((left_by(write + "erased-page") == erased(before, step.offset, 64)));
    BOOST_TEST((left_by(write + "erase-block") == erased(before, step.offset, 256)));
}

BOOST_AUTO_TEST_CASE(weak_bits_are_those_that_the_write_would_have_changed) {
    const std::uint64_t number = second_of_two();
    const MemoryStep& step = write_numbered(number);
    const Bytes before = after_writes(number - 1);
    const CrashState state =
        crash_state(recording(), place("memory: write #" + std::to_string(number) + ": weak-bits"));
    std::map<std::uint32_t, std::uint8_t> expected;
    for (std::uint32_t i = 0; i < step.bytes.size(); ++i) {
        if (const auto mask = static_cast<std::uint8_t>(before[step.offset + i] ^ step.bytes[i])) {
            expected[step.offset + i] = mask;
        }
    }
    BOOST_TEST(!expected.empty());
    BOOST_TEST((state.cards.front().weak.masks == expected));
}

BOOST_AUTO_TEST_CASE(the_world_is_as_it_was_at_that_moment) {
    const std::uint64_t last = recording().writes();
    const CrashState state =
        crash_state(recording(), place("recovery: write #" + std::to_string(last) + ": atomic-page"));
    BOOST_TEST(state.requests == 1U);
    BOOST_TEST(state.event == write_numbered(last).event);
    BOOST_TEST(crash_state(recording(), place("recovery: write #1: atomic-page")).requests == 0U);
}

BOOST_AUTO_TEST_CASE(a_recovery_is_cut_as_often_as_the_place_says) {
    // The write that clears the commit record of the last transaction: its recovery clears it again.
    const std::string write = "memory: write #" + std::to_string(recording().writes()) + ": erased-page";
    const Bytes once = left_by(write);
    BOOST_TEST((left_by(write + "; recovery 1: prefix half") != once));
    BOOST_TEST((left_by(write + "; recovery 1: prefix half; recovery 1: erased-page") == once));
    BOOST_TEST((left_by(write + "; recovery 1: prefix none") == once));
}

BOOST_AUTO_TEST_CASE(a_place_that_is_not_there_is_refused) {
    const std::string last = "memory: write #" + std::to_string(recording().writes());
    BOOST_CHECK_THROW(
        (void)left_by("memory: write #" + std::to_string(recording().writes() + 1) + ": prefix half"),
        RequestError);
    BOOST_CHECK_THROW((void)left_by(last + ": erased-page; recovery 2: prefix half"), RequestError);
    BOOST_CHECK_THROW((void)left_by("memory: write #1 card agent: prefix half"), RequestError);
    BOOST_CHECK_THROW((void)left_by("live: verify before: remove"), RequestError);
}

BOOST_AUTO_TEST_SUITE_END()
