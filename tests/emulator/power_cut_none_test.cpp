// No protection: every tearing model tears the store, each in ways that are told here, and no store is so
// torn that it cannot be used, or refused.
#include "tests/emulator/store_cuts.h"

#include <fmt/format.h>

#include <set>
#include <string>

using namespace cardrig::emulator;
using namespace cardrig::tests;
using cardrig::harness::all_tearings;
using cardrig::harness::Tearing;

namespace {

constexpr std::string_view torn = "neither the state before nor the one after";
constexpr std::string_view mute = "bricked: ";
constexpr std::string_view changes = "shows something else after the next power-on";

SweepReport tear(NvmGeometry geometry) {
    Sweep sweep = sweep_of(geometry, Protection::none);
    sweep.depth = 1;
    sweep.enough = 1'000'000;
    return run(sweep);
}

/// What became of cuts of one kind.
std::set<std::string_view> findings(const SweepReport& report, const Tearing& tearing) {
    std::set<std::string_view> found;
    for (const std::string& violation : report.violations) {
        const std::size_t colon = violation.find(": ");
        if (violation.substr(0, colon).ends_with(fmt::format(" {}", tearing.text()))) {
            for (const std::string_view what : {torn, mute, changes}) {
                if (violation.find(what, colon) != std::string::npos) {
                    found.insert(what);
                }
            }
        }
    }
    return found;
}

/// Reads and changes everything that is there.
void use(ObjectStore& store) {
    std::uint8_t fill = 0;
    for (const ObjectId id : store.objects()) {
        const auto content = store.read(id);
        BOOST_REQUIRE(content);
        BOOST_REQUIRE_LE(content->size(), small_memory.size());
        Transaction transaction = store.begin();
        transaction.put(id, Bytes(content->size() + 40, ++fill));
        static_cast<void>(transaction.commit());
    }
    Transaction both = store.begin();
    for (const ObjectId id : store.objects()) {
        both.put(id, Bytes(100, ++fill));
    }
    static_cast<void>(both.commit());
    store.set_counter(CounterId{0}, 1);
    for (const ObjectId id : store.objects()) {
        Transaction transaction = store.begin();
        transaction.erase(id);
        static_cast<void>(transaction.commit());
    }
    Transaction large = store.begin();
    large.put(ObjectId{99}, Bytes(store.free_bytes(), 0x99));
    static_cast<void>(large.commit());
    BOOST_REQUIRE_LE(store.free_bytes(), small_memory.size());
}

} // namespace

BOOST_AUTO_TEST_SUITE(power_cut_none)

// Every cell of this table is what "nothing is promised" means for that model.
BOOST_AUTO_TEST_CASE(each_tearing_model_tears_an_unprotected_store_in_its_own_ways) {
    const SweepReport report = tear(small_memory);
    for (const Tearing& tearing : all_tearings()) {
        BOOST_TEST_CONTEXT(tearing.text()) {
            if (tearing.text() == "prefix none") {
                continue; // leaves the same as atomic-page, and is not tried twice
            }
            std::set<std::string_view> expected{torn};
            using enum cardrig::harness::TearingModel;
            if (tearing.model == erased_page || tearing.model == erase_block) {
                expected.insert(mute);
            }
            if (tearing.model == weak_bits) {
                expected.insert(changes);
            }
            BOOST_TEST(findings(report, tearing) == expected, boost::test_tools::per_element());
        }
    }
}

BOOST_AUTO_TEST_CASE(a_torn_store_is_refused_only_where_it_looks_like_no_card) {
    std::set<std::string> reasons;
    for (const std::string& violation : tear(small_memory).violations) {
        if (const std::size_t at = violation.find(mute); at != std::string::npos) {
            reasons.insert(violation.substr(at + mute.size()));
        }
    }
    const std::set<std::string> expected{"the memory is damaged: its directory is erased",
                                         "the memory is damaged: the counters are not there"};
    BOOST_TEST(reasons == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_torn_store_can_be_used_all_the_same) {
    for (const NvmGeometry geometry : {small_memory, NvmGeometry{32, 1, 64}, NvmGeometry{64, 4, 32}}) {
        Sweep sweep = sweep_of(geometry, Protection::none);
        sweep.depth = 1;
        sweep.enough = 1'000'000;
        sweep.visit = use;
        const SweepReport report = run(sweep);
        BOOST_TEST(report.cuts > 200U);
    }
}

BOOST_AUTO_TEST_SUITE_END()
