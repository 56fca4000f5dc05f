// Power lost at every write of what changes the global passcode and its tries: I6 holds for it as for the
// application's own passcode.
#include "emulator/piv/piv_memory.h"
#include "tests/emulator/cut_bench.h"

#include <boost/test/unit_test.hpp>

#include <string>
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

test::Setup setup(emulator::Protection protection) {
    test::Setup setup;
    setup.config.protection = protection;
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
    const test::StoreState state = bench.state();
    bench.expect(state.objects == cut.before.objects || state.objects == cut.after.objects, cut,
                 "I5 memory is neither that before nor that after");
    const int before = cut.before.counters.at(counter);
    const int left = state.counters.at(counter);
    bench.expect(left >= before - 1 && left <= (shown == Shown::right ? all_tries : before), cut,
                 "I6 tries came from nowhere, or more than one is gone");
    for (const emulator::CounterId other : {piv::passcode_tries, piv::unblocking_code_tries}) {
        const auto index = static_cast<std::size_t>(other);
        bench.expect(state.counters.at(index) == cut.before.counters.at(index), cut,
                     "I6 another counter moved");
    }
    bench.expect(bench.card().status("00200000") != 0x9000, cut, "I6 it is still verified");
    const bool with_old = verify(bench.card(), global_passcode) == 0x9000;
    const bool with_new = bench.power_on_again(cut) && verify(bench.card(), new_passcode) == 0x9000;
    bench.expect(with_old != with_new, cut, "I6 not exactly one of old and new works");
    bench.expect(bench.card().verify() == 0x9000, cut, "I6 the application's own passcode does not work");
}

std::vector<std::string> violations_of(const test::CardStep& step, Shown shown,
                                       emulator::Protection protection) {
    CutBench bench(setup(protection), [](CardSession&) {});
    const auto cuts = bench.sweep(begin_with_a_try_lost, {step},
                                  [&](const CutBench::Cut& cut) { check(bench, cut, shown); });
    BOOST_TEST(cuts > 0U);
    return bench.violations();
}

void sweep(const test::CardStep& step, Shown shown) {
    for (const auto protection : {emulator::Protection::journal, emulator::Protection::shadow}) {
        for (const std::string& violation : violations_of(step, shown, protection)) {
            BOOST_ERROR(emulator::protection_word(protection) << " " << violation);
        }
    }
}

void change(CardSession& card) {
    require_status(card.status("0024000010" + block(global_passcode) + block(new_passcode)), 0x9000);
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
    sweep(change, Shown::right);
}

BOOST_AUTO_TEST_CASE(a_change_with_the_wrong_passcode) {
    sweep(
        [](CardSession& card) {
            require_status(card.status("0024000010" + block("999999") + block(new_passcode)),
                           0x63C0 + all_tries - 2);
        },
        Shown::wrong);
}

// A memory that promises nothing: the same look has to see what it does.
BOOST_AUTO_TEST_CASE(control_a_memory_without_protection_is_seen) {
    BOOST_TEST(!violations_of(change, Shown::right, emulator::Protection::none).empty());
}

BOOST_AUTO_TEST_SUITE_END()
