// Power lost at every write of what changes the global passcode and its tries: I6 holds for it as for the
// application's own passcode.
#include "emulator/piv/piv_memory.h"
#include "tests/emulator/cut_bench.h"

#include <boost/test/unit_test.hpp>

#include <string_view>
#include <vector>

namespace test = cardrig::tests;
namespace emulator = cardrig::emulator;
namespace piv = emulator::piv;
using test::block;
using test::CardSession;
using test::CutBench;
using test::global_passcode;
using test::require_status;

namespace {

constexpr std::string_view new_passcode = "13572468";
constexpr std::uint8_t all_tries = 4;
constexpr auto counter = static_cast<std::size_t>(piv::global_passcode_tries);

/// What was shown to the card.
enum class Shown { wrong, right };

test::Setup setup() {
    test::Setup setup;
    setup.config.geometry = {64, 4, 64};
    setup.config.piv.global_passcode = emulator::PasscodeRules{6, 8, true, all_tries};
    return setup;
}

std::uint16_t verify(CardSession& card, std::string_view code) {
    return card.status("0020000008" + block(code));
}

void lose_one_try(CardSession& card) {
    require_status(verify(card, "999999"), 0x63C0 + all_tries - 2);
}

void begin_with_a_try_lost(CardSession& card) {
    require_status(verify(card, "999999"), 0x63C0 + all_tries - 1);
}

void check(CutBench& bench, const CutBench::Cut& cut, Shown shown) {
    BOOST_TEST_CONTEXT(cut.place) {
        const test::StoreState state = bench.state();
        BOOST_CHECK(state.objects == cut.before.objects || state.objects == cut.after.objects);
        const int before = cut.before.counters.at(counter);
        const int left = state.counters.at(counter);
        BOOST_TEST(left >= before - 1);
        BOOST_TEST(left <= (shown == Shown::right ? all_tries : before));
        for (const emulator::CounterId other : {piv::passcode_tries, piv::unblocking_code_tries}) {
            const auto index = static_cast<std::size_t>(other);
            BOOST_TEST(unsigned{state.counters.at(index)} == unsigned{cut.before.counters.at(index)});
        }
        BOOST_TEST(bench.card().status("00200000") != 0x9000); // what was verified is forgotten
        const bool with_old = verify(bench.card(), global_passcode) == 0x9000;
        const bool with_new = bench.power_on_again(cut) && verify(bench.card(), new_passcode) == 0x9000;
        BOOST_TEST(with_old != with_new); // exactly one works
        BOOST_TEST(bench.card().verify() == 0x9000);
    }
}

void sweep(const test::CardStep& step, Shown shown) {
    CutBench bench(setup(), [](CardSession&) {});
    const auto cuts = bench.sweep(begin_with_a_try_lost, {step},
                                  [&](const CutBench::Cut& cut) { check(bench, cut, shown); });
    BOOST_TEST(cuts > 0U);
}

} // namespace

BOOST_AUTO_TEST_SUITE(piv_global_passcode_cut)

BOOST_AUTO_TEST_CASE(a_wrong_try) {
    sweep(lose_one_try, Shown::wrong);
}

BOOST_AUTO_TEST_CASE(a_right_try) {
    sweep([](CardSession& card) { require_status(verify(card, global_passcode), 0x9000); }, Shown::right);
}

BOOST_AUTO_TEST_CASE(a_change) {
    sweep(
        [](CardSession& card) {
            require_status(card.status("0024000010" + block(global_passcode) + block(new_passcode)), 0x9000);
        },
        Shown::right);
}

BOOST_AUTO_TEST_CASE(a_change_with_the_wrong_passcode) {
    sweep(
        [](CardSession& card) {
            require_status(card.status("0024000010" + block("999999") + block(new_passcode)),
                           0x63C0 + all_tries - 2);
        },
        Shown::wrong);
}

BOOST_AUTO_TEST_SUITE_END()
