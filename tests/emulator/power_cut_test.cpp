#include "tests/emulator/store_sweep.h"

#include <boost/test/unit_test.hpp>

#include <numeric>

using namespace cardrig::emulator;
using namespace cardrig::tests;

namespace {

constexpr NvmGeometry small{32, 2, 36};
constexpr ObjectId certificate{0x005FC105};
constexpr ObjectId key{0x0100009A};
constexpr ObjectId passcode{0x02000080};

Bytes pattern(std::size_t size, std::uint8_t start) {
    Bytes bytes(size);
    std::iota(bytes.begin(), bytes.end(), start);
    return bytes;
}

Step put(ObjectId id, Bytes content) {
    return [=](ObjectStore& store) {
        Transaction transaction = store.begin();
        transaction.put(id, content);
        BOOST_REQUIRE(transaction.commit() == CommitResult::committed);
    };
}

Step set(std::uint8_t counter, std::uint8_t value) {
    return [=](ObjectStore& store) { store.set_counter(CounterId{counter}, value); };
}

Step renewal(std::uint8_t start) {
    return [=](ObjectStore& store) {
        Transaction transaction = store.begin();
        transaction.put(key, pattern(50, start));
        transaction.put(certificate, pattern(90, start));
        transaction.erase(ObjectId{1});
        transaction.put(ObjectId{2}, {});
        BOOST_REQUIRE(transaction.commit() == CommitResult::committed);
    };
}

Sweep workload() {
    Sweep sweep;
    sweep.geometry = small;
    sweep.steps = {
        put(passcode, Bytes(8, 0x31)),
        set(0, 3),
        put(ObjectId{1}, pattern(40, 7)),
        set(0, 2),
        renewal(0x20),
        put(passcode, {0x31, 0x31, 0x31, 0x31, 0x31, 0x31, 0x31, 0x30}), // one bit
        set(1, 3),
        renewal(0x90),
        [](ObjectStore& store) {
            Transaction transaction = store.begin();
            transaction.erase(key);
            transaction.write_range(certificate, 80, pattern(40, 1));
            BOOST_REQUIRE(transaction.commit() == CommitResult::committed);
        },
        set(0, 3),
    };
    sweep.probe = put(passcode, Bytes(8, 0x39));
    return sweep;
}

void check_holds(const SweepReport& report) {
    for (const std::string& violation : report.violations) {
        BOOST_ERROR(violation);
    }
    for (const std::size_t states : report.states) {
        BOOST_TEST_MESSAGE("states: " << states);
    }
    BOOST_TEST_MESSAGE("cuts: " << report.cuts << (report.exhausted ? ", exhausted" : ""));
}

} // namespace

BOOST_AUTO_TEST_SUITE(power_cut)

BOOST_AUTO_TEST_CASE(no_cut_of_a_workload_tears_it) {
    Sweep sweep = workload();
    sweep.depth = 60;
    const SweepReport report = run(sweep);
    check_holds(report);
    BOOST_TEST(report.cuts > 10000U);
}

BOOST_AUTO_TEST_SUITE_END()
