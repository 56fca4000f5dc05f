#include "harness/faulty_nvm.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <set>
#include <stdexcept>

using namespace cardrig;
using namespace cardrig::harness;
using emulator::MemoryNvm;

namespace {

constexpr emulator::NvmGeometry small{32, 2, 32};

Tearing tearing(std::string_view text) {
    return Tearing::parse(text).value();
}

struct Fixture {
    MemoryNvm memory{small, Bytes(small.size(), 0x11)};
    FaultyNvm nvm{memory};

    Bytes read(std::uint32_t offset, std::size_t size) {
        Bytes bytes(size);
        nvm.read(offset, bytes);
        return bytes;
    }
    /// The write is cut in that way; the memory answers again.
    void cut(std::uint32_t offset, const Bytes& bytes, std::string_view how) {
        nvm.cut_at(1, tearing(how));
        BOOST_CHECK_THROW(nvm.write(offset, bytes), PowerCut);
        nvm.power_on();
    }
};

/// The number of the write that a cut reports; 0 where none comes.
template <class Action>
std::uint64_t cut_of(Action action) {
    try {
        action();
    } catch (const PowerCut& cut) {
        return cut.write;
    }
    return 0;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(faulty_nvm, Fixture)

BOOST_AUTO_TEST_CASE(tearing_has_one_notation) {
    const std::vector<std::string> words{"lost-writes", "atomic-page", "prefix none",
                                         "prefix one",  "prefix half", "prefix all-but-one",
                                         "erased-page", "erase-block", "weak-bits"};
    std::set<std::string> all;
    for (const Tearing& each : all_tearings()) {
        BOOST_CHECK(Tearing::parse(each.text()).value() == each);
        all.insert(each.text());
    }
    BOOST_CHECK(all == std::set<std::string>(words.begin(), words.end()));
    BOOST_TEST(tearing("prefix").text() == "prefix half");
    BOOST_TEST(tearing("weak-bits 7").seed == 7U);
    BOOST_TEST(tearing("weak-bits 7").text() == "weak-bits 7");
}

BOOST_AUTO_TEST_CASE(tearing_names_the_word_that_it_does_not_know) {
    const auto error = [](std::string_view text) {
        const auto result = Tearing::parse(text);
        BOOST_REQUIRE(!result);
        return result.error().message;
    };
    BOOST_TEST(error("torn").find("'torn'") != std::string::npos);
    BOOST_TEST(error("").find("''") != std::string::npos);
    BOOST_TEST(error("prefix third").find("'third'") != std::string::npos);
    BOOST_TEST(error("prefix ").find("''") != std::string::npos);
    BOOST_TEST(error("erase-block 2").find("'2'") != std::string::npos);
    BOOST_TEST(error("weak-bits x").find("'x'") != std::string::npos);
    BOOST_TEST(error("weak-bits -1").find("'-1'") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(passes_everything_on_while_nothing_is_planned) {
    nvm.write(40, Bytes{1, 2, 3});
    nvm.sync();
    BOOST_CHECK(read(39, 5) == (Bytes{0x11, 1, 2, 3, 0x11}));
    BOOST_TEST(nvm.writes() == 1U);
    BOOST_CHECK(nvm.geometry() == small);
}

BOOST_AUTO_TEST_CASE(refuses_what_no_memory_chip_takes) {
    BOOST_CHECK_THROW(nvm.write(0, Bytes{}), std::logic_error);
    BOOST_CHECK_THROW(nvm.write(31, Bytes{1, 2}), std::logic_error);
    BOOST_CHECK_THROW(nvm.write(small.size(), Bytes{1}), std::logic_error);
    BOOST_TEST(nvm.writes() == 0U);
    nvm.write(31, Bytes{1});
}

BOOST_AUTO_TEST_CASE(is_dead_after_the_cut_until_power_comes_back) {
    nvm.cut_at(2, tearing("atomic-page"));
    nvm.write(0, Bytes{1});
    BOOST_TEST(cut_of([&] { nvm.write(1, Bytes{2}); }) == 2U);
    BOOST_TEST(cut_of([&] { nvm.write(2, Bytes{3}); }) == 2U);
    BOOST_TEST(cut_of([&] { nvm.sync(); }) == 2U);
    BOOST_TEST(cut_of([&] { static_cast<void>(read(0, 1)); }) == 2U);
    BOOST_TEST(nvm.writes() == 2U);
    nvm.power_on();
    BOOST_CHECK(read(0, 3) == (Bytes{1, 0x11, 0x11}));
    nvm.write(1, Bytes{2});
    BOOST_TEST(nvm.writes() == 3U);
}

BOOST_AUTO_TEST_CASE(a_later_plan_replaces_an_earlier_one_and_can_be_dropped) {
    nvm.cut_at(1, tearing("atomic-page"));
    nvm.cut_at(2, tearing("atomic-page"));
    nvm.write(0, Bytes{1});
    nvm.cancel_cut();
    nvm.write(0, Bytes{2});
    nvm.cut_at(1, tearing("atomic-page"));
    nvm.power_on();
    nvm.write(0, Bytes{3});
    BOOST_CHECK(read(0, 1) == Bytes{3});
}

BOOST_AUTO_TEST_CASE(lost_writes_takes_back_everything_since_the_last_sync) {
    nvm.write(0, Bytes{1});
    nvm.sync();
    nvm.write(0, Bytes{2});
    nvm.write(0, Bytes{3});
    nvm.write(64, Bytes{4});
    cut(1, Bytes{5}, "lost-writes");
    BOOST_CHECK(read(0, 2) == (Bytes{1, 0x11}));
    BOOST_CHECK(read(64, 1) == Bytes{0x11});
}

BOOST_AUTO_TEST_CASE(atomic_page_leaves_the_writes_before) {
    nvm.write(0, Bytes{2});
    cut(1, Bytes{5}, "atomic-page");
    BOOST_CHECK(read(0, 2) == (Bytes{2, 0x11}));
}

BOOST_AUTO_TEST_CASE(what_stood_through_a_power_cut_is_not_lost_by_the_next) {
    nvm.write(0, Bytes{2});
    cut(1, Bytes{5}, "atomic-page");
    cut(1, Bytes{5}, "lost-writes");
    BOOST_CHECK(read(0, 2) == (Bytes{2, 0x11}));
}

BOOST_AUTO_TEST_CASE(prefix_leaves_the_first_bytes) {
    cut(0, Bytes{1, 2, 3, 4}, "prefix none");
    BOOST_CHECK(read(0, 4) == Bytes(4, 0x11));
    cut(4, Bytes{1, 2, 3, 4}, "prefix one");
    BOOST_CHECK(read(4, 4) == (Bytes{1, 0x11, 0x11, 0x11}));
    cut(8, Bytes{1, 2, 3, 4}, "prefix half");
    BOOST_CHECK(read(8, 4) == (Bytes{1, 2, 0x11, 0x11}));
    cut(12, Bytes{1, 2, 3, 4}, "prefix all-but-one");
    BOOST_CHECK(read(12, 4) == (Bytes{1, 2, 3, 0x11}));
    cut(16, Bytes{1}, "prefix one");
    BOOST_CHECK(read(16, 1) == Bytes{0x11});
}

BOOST_AUTO_TEST_CASE(erased_page_takes_the_page_alone) {
    cut(40, Bytes{1}, "erased-page");
    BOOST_CHECK(read(31, 1) == Bytes{0x11});
    BOOST_CHECK(read(32, 32) == Bytes(32, 0xFF));
    BOOST_CHECK(read(64, 1) == Bytes{0x11});
}

BOOST_AUTO_TEST_CASE(erase_block_takes_the_neighbours_along) {
    cut(104, Bytes{1}, "erase-block");
    BOOST_CHECK(read(63, 1) == Bytes{0x11});
    BOOST_CHECK(read(64, 64) == Bytes(64, 0xFF));
    BOOST_CHECK(read(128, 1) == Bytes{0x11});
}

BOOST_AUTO_TEST_CASE(weak_bits_read_differently_each_time_until_programmed) {
    cut(0, Bytes{0x11, 0x10, 0xEE}, "weak-bits");
    std::uint8_t ever_set = 0;
    std::uint8_t always_set = 0xFF;
    std::uint8_t whole_ever = 0;
    for (int i = 0; i < 100; ++i) {
        const Bytes seen = read(0, 4);
        BOOST_REQUIRE_EQUAL(seen[0], 0x11);
        BOOST_REQUIRE_EQUAL(seen[3], 0x11);
        ever_set |= seen[1];
        always_set &= seen[1];
        whole_ever |= static_cast<std::uint8_t>(seen[2] ^ 0x11U);
    }
    // One bit of the second byte differed, all bits of the third.
    BOOST_TEST(ever_set == 0x11);
    BOOST_TEST(always_set == 0x10);
    BOOST_TEST(whole_ever == 0xFF);
    nvm.write(1, Bytes{0x10, 0xEE});
    for (int i = 0; i < 20; ++i) {
        BOOST_REQUIRE(read(0, 4) == (Bytes{0x11, 0x10, 0xEE, 0x11}));
    }
}

BOOST_AUTO_TEST_CASE(weak_bits_end_with_the_erasing_of_their_page) {
    cut(0, Bytes{0xEE}, "weak-bits");
    cut(20, Bytes{1}, "erased-page");
    for (int i = 0; i < 20; ++i) {
        BOOST_REQUIRE(read(0, 1) == Bytes{0xFF});
    }
}

BOOST_AUTO_TEST_CASE(weak_bits_stay_where_programming_them_is_cut_or_lost) {
    const auto undecided = [&](std::uint32_t offset) {
        std::set<std::uint8_t> seen;
        for (int i = 0; i < 50; ++i) {
            seen.insert(read(offset, 1).front());
        }
        return seen.size() > 1;
    };
    cut(0, Bytes{0xEE, 0xEE}, "weak-bits");
    cut(0, Bytes{0xEE, 0xEE}, "weak-bits");
    BOOST_TEST(undecided(0));
    cut(0, Bytes{0xEE, 0xEE}, "prefix one");
    BOOST_TEST(!undecided(0));
    BOOST_TEST(undecided(1));
    nvm.write(1, Bytes{0xEE});
    BOOST_TEST(!undecided(1));
    cut(2, Bytes{1}, "lost-writes");
    BOOST_TEST(undecided(1));
}

BOOST_AUTO_TEST_CASE(weak_bits_are_the_same_for_the_same_seed) {
    const auto stream = [](std::string_view how) {
        Fixture fixture;
        fixture.cut(0, Bytes(32, 0xEE), how);
        Bytes all;
        for (int i = 0; i < 4; ++i) {
            const Bytes seen = fixture.read(0, 32);
            all.insert(all.end(), seen.begin(), seen.end());
        }
        return all;
    };
    BOOST_CHECK(stream("weak-bits 1") == stream("weak-bits 1"));
    BOOST_CHECK(stream("weak-bits 1") != stream("weak-bits 2"));
}

BOOST_AUTO_TEST_CASE(remains_bring_back_the_memory_with_its_weak_bits) {
    cut(0, Bytes(8, 0xEE), "weak-bits");
    const FaultyNvm::Remains remains = nvm.remains();
    const Bytes expected = read(0, 8);
    nvm.write(0, Bytes(8, 0x22));
    nvm.cut_at(1, tearing("prefix none"));
    BOOST_CHECK_THROW(nvm.write(0, Bytes{1}), PowerCut);
    nvm.restore(remains);
    BOOST_CHECK(read(0, 8) == expected);
    BOOST_CHECK(read(0, 8) != expected);
    nvm.write(0, Bytes{1});
}

BOOST_AUTO_TEST_CASE(an_observer_sees_each_write_before_it_happens) {
    std::vector<std::uint64_t> numbers;
    nvm.set_observer([&](std::uint64_t write, std::uint32_t offset, ByteView bytes) {
        numbers.push_back(write);
        BOOST_TEST(offset == 32U + write);
        BOOST_TEST(bytes.front() == write);
        BOOST_TEST(memory.bytes()[offset] == 0x11);
        BOOST_TEST(nvm.writes() == write);
    });
    nvm.write(33, Bytes{1});
    nvm.write(34, Bytes{2});
    BOOST_CHECK(numbers == (std::vector<std::uint64_t>{1, 2}));
    nvm.set_observer({});
    nvm.write(32, Bytes{7});
}

BOOST_AUTO_TEST_CASE(an_observer_can_cut_this_very_write) {
    nvm.set_observer([&](std::uint64_t write, std::uint32_t, ByteView) {
        if (write == 2) {
            nvm.cut_now(tearing("prefix one"));
        }
    });
    nvm.write(0, Bytes{1, 1});
    BOOST_TEST(cut_of([&] { nvm.write(0, Bytes{2, 2}); }) == 2U);
    nvm.power_on();
    BOOST_CHECK(read(0, 2) == (Bytes{2, 1}));
}

BOOST_AUTO_TEST_CASE(power_that_fails_tears_the_next_write_and_reads_still_answer_until_then) {
    nvm.write(0, Bytes(8, 0x22));
    nvm.fail();
    BOOST_TEST(nvm.failing());
    BOOST_CHECK(read(0, 8) == Bytes(8, 0x22));
    BOOST_TEST(cut_of([&] { nvm.write(32, Bytes(8, 0x33)); }) == 2U);
    BOOST_CHECK_THROW(read(0, 1), PowerCut);
    nvm.power_on();
    BOOST_TEST(!nvm.failing());
    BOOST_CHECK(read(32, 8) == (Bytes{0x33, 0x33, 0x33, 0x33, 0x11, 0x11, 0x11, 0x11})); // prefix half
    nvm.write(32, Bytes(8, 0x44));
    BOOST_CHECK(read(32, 8) == Bytes(8, 0x44));
}

BOOST_AUTO_TEST_CASE(power_that_fails_lets_no_sync_pass) {
    nvm.write(0, Bytes(8, 0x22));
    nvm.fail();
    BOOST_CHECK_THROW(nvm.sync(), PowerCut);
    BOOST_CHECK_THROW(read(0, 1), PowerCut);
}

BOOST_AUTO_TEST_CASE(a_cut_that_was_planned_for_the_write_in_which_power_fails_tears_it) {
    nvm.set_observer([this](std::uint64_t, std::uint32_t, ByteView) {
        nvm.fail();
        nvm.cut_now(tearing("erased-page"));
    });
    BOOST_CHECK_THROW(nvm.write(4, Bytes(8, 0x22)), PowerCut);
    nvm.power_on();
    BOOST_CHECK(read(0, 32) == Bytes(32, 0xFF));
}

BOOST_AUTO_TEST_CASE(quiet_writes_are_neither_counted_nor_seen_nor_cut) {
    std::size_t seen = 0;
    nvm.set_observer([&](std::uint64_t, std::uint32_t, ByteView) { ++seen; });
    nvm.cut_at(1, Tearing{});
    nvm.set_quiet(true);
    nvm.write(0, Bytes(8, 0x22));
    nvm.set_quiet(false);
    BOOST_TEST(seen == 0U);
    BOOST_TEST(nvm.writes() == 0U);
    BOOST_TEST(cut_of([&] { nvm.write(0, Bytes(8, 0x33)); }) == 1U);
}

BOOST_AUTO_TEST_CASE(an_observer_can_throw_instead_of_the_write) {
    nvm.set_observer([](std::uint64_t write, std::uint32_t, ByteView) { throw PowerCut{write}; });
    BOOST_TEST(cut_of([&] { nvm.write(0, Bytes{1}); }) == 1U);
    BOOST_CHECK_THROW(nvm.sync(), PowerCut);
    nvm.power_on();
    BOOST_CHECK(read(0, 1) == Bytes{0x11});
}

BOOST_AUTO_TEST_SUITE_END()
