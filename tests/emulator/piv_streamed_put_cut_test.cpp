// Power lost at every write of a PUT DATA whose blocks are written as they come, and of the recovery from
// that: after each cut the object is what it was before, or absent, or the new one whole (I5), and it can be
// written anew (I1).
#include "apdu/ber_tlv.h"
#include "emulator/piv/piv_memory.h"
#include "tests/emulator/cut_bench.h"
#include "tests/emulator/piv_cut_controls.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace test = cardrig::tests;
namespace apdu = cardrig::apdu;
namespace emulator = cardrig::emulator;
namespace piv = emulator::piv;
using apdu::Bytes;
using apdu::CommandApdu;
using test::CardSession;
using test::CardStep;
using test::CutBench;
using test::require_status;

namespace {

constexpr apdu::Tag certificate = 0x5FC105;
constexpr apdu::Tag neighbour = 0x5FC10A;

test::Setup setup(emulator::Protection protection) {
    test::Setup setup;
    setup.config.protection = protection;
    setup.config.geometry = {64, 4, 64};
    setup.config.piv.put_data = emulator::PutDataMode::streamed;
    return setup;
}

Bytes content(std::size_t size, std::uint8_t fill) {
    return piv::certificate_container(Bytes(size, fill));
}

void authenticate(CardSession& card) {
    require_status(card.authenticate(), 0x9000);
}

void put(CardSession& card, apdu::Tag tag, const Bytes& value) {
    require_status(card.put_data(tag, value), 0x9000);
}

/// The blocks of a chain as steps.
std::vector<CardStep> blocks(const Bytes& value, std::size_t block_size) {
    const Bytes data = test::put_data_field(certificate, value);
    std::vector<CardStep> steps;
    for (std::size_t at = 0; at < data.size(); at += block_size) {
        const std::size_t end = std::min(at + block_size, data.size());
        const Bytes block(data.begin() + static_cast<std::ptrdiff_t>(at),
                          data.begin() + static_cast<std::ptrdiff_t>(end));
        const std::uint8_t cla = end < data.size() ? 0x10 : 0x00;
        steps.emplace_back([cla, block](CardSession& card) {
            require_status(card.send(CommandApdu(cla, 0xDB, 0x3F, 0xFF, block)).status.value(), 0x9000);
        });
    }
    return steps;
}

/// What GET DATA has to bring after `answered` of these steps: what there was, nothing, or the new value.
struct History {
    std::optional<Bytes> old_value;
    std::size_t gone_with = 0; ///< the step that ends the head
    std::size_t steps = 0;
    std::optional<Bytes> new_value;

    [[nodiscard]] std::optional<Bytes> after(std::size_t answered) const {
        if (answered <= gone_with) {
            return old_value;
        }
        return answered < steps ? std::nullopt : new_value;
    }
};

std::optional<Bytes> read(CardSession& card, apdu::Tag tag) {
    const auto answer = card.get_data(tag);
    if (answer.status.value() == 0x6A82) {
        return std::nullopt;
    }
    require_status(answer.status.value(), 0x9000);
    return answer.data;
}

std::optional<Bytes> wrapped(const std::optional<Bytes>& value) {
    return value ? std::optional{apdu::make_tlv(0x53, *value)} : std::nullopt;
}

void check(CutBench& bench, const CutBench::Cut& cut, const History& history) {
    const test::StoreState state = bench.state();
    bench.expect(state.objects == cut.before.objects || state.objects == cut.after.objects, cut,
                 "I5 memory is neither that before the block nor that after it");
    bench.expect(state.counters == cut.before.counters, cut, "I6 a counter moved");
    const auto found = read(bench.card(), certificate);
    bench.expect(found == wrapped(history.after(cut.step)) || found == wrapped(history.after(cut.step + 1)),
                 cut, "I5 the object is torn");
    bench.expect(read(bench.card(), neighbour) == wrapped(content(80, 0x33)), cut,
                 "I5 another object changed");
    bench.expect(bench.card().put_data(certificate, {}) == 0x6982, cut,
                 "I6 the administrator is still there");
    authenticate(bench.card());
    put(bench.card(), certificate, content(150, 0x44));
    bench.expect(read(bench.card(), certificate) == wrapped(content(150, 0x44)), cut,
                 "I1 the object cannot be written anew");
}

struct Case {
    CardStep prepare;
    std::optional<Bytes> old_value;
    Bytes new_value;
    std::size_t block_size = 0;
    std::size_t gone_with = 0; ///< the block that ends the head, from 0
};

std::vector<std::string> violations_of(const Case& put_data, emulator::Protection protection) {
    CutBench bench(setup(protection), [&put_data](CardSession& card) {
        authenticate(card);
        put(card, neighbour, content(80, 0x33));
        put_data.prepare(card);
    });
    const auto steps = blocks(put_data.new_value, put_data.block_size);
    const History history{put_data.old_value, put_data.gone_with, steps.size(),
                          put_data.new_value.empty() ? std::nullopt : std::optional{put_data.new_value}};
    auto violations =
        bench.sweep(authenticate, steps, [&](const CutBench::Cut& cut) { check(bench, cut, history); });
    BOOST_TEST_MESSAGE(bench.cuts() << " cuts, " << bench.cuts_of_recoveries() << " of recoveries");
    BOOST_TEST(bench.cuts() > cardrig::harness::all_tearings().size());
    BOOST_TEST((bench.cuts_of_recoveries() > 0) == (protection != emulator::Protection::none));
    return violations;
}

void check_protected(const Case& put_data) {
    for (const auto protection : {emulator::Protection::journal, emulator::Protection::shadow}) {
        for (const std::string& violation : violations_of(put_data, protection)) {
            BOOST_ERROR(emulator::protection_word(protection) << " " << violation);
        }
    }
}

const Bytes old_value = content(300, 0x11);

void put_old_value(CardSession& card) {
    put(card, certificate, old_value);
}

void nothing(CardSession&) {}

/// Old value gone, and the new one not there yet.
void leave_unfinished(CardSession& card) {
    put_old_value(card);
    blocks(content(200, 0x55), 100).front()(card);
}

} // namespace

BOOST_AUTO_TEST_SUITE(piv_streamed_put_cut)

BOOST_AUTO_TEST_CASE(replacing_by_a_longer_value) {
    check_protected({put_old_value, old_value, content(420, 0x22), 200, 0});
}

BOOST_AUTO_TEST_CASE(replacing_by_a_shorter_value_with_a_head_in_two_blocks) {
    check_protected({put_old_value, old_value, content(9, 0x22), 6, 1});
}

BOOST_AUTO_TEST_CASE(writing_what_was_not_there) {
    check_protected({nothing, std::nullopt, content(300, 0x22), 120, 0});
}

BOOST_AUTO_TEST_CASE(writing_anew_what_is_unfinished) {
    check_protected({leave_unfinished, std::nullopt, content(300, 0x22), 120, 0});
}

BOOST_AUTO_TEST_CASE(deleting) {
    check_protected({put_old_value, old_value, {}, 4, 1});
}

BOOST_AUTO_TEST_CASE(deleting_what_is_unfinished) {
    check_protected({leave_unfinished, std::nullopt, {}, 4, 1});
}

// Whatever the cut left, the card answers or stays mute, and says why. A deletion is one page.
BOOST_AUTO_TEST_CASE(each_tearing_model_tears_objects_of_an_unprotected_card) {
    using enum cardrig::harness::TearingModel;
    for (const Case& put_data : {Case{put_old_value, old_value, content(420, 0x22), 200, 0},
                                 Case{nothing, std::nullopt, content(300, 0x22), 120, 0},
                                 Case{leave_unfinished, std::nullopt, content(300, 0x22), 120, 0},
                                 Case{put_old_value, old_value, {}, 4, 1}}) {
        const auto violations = violations_of(put_data, emulator::Protection::none);
        for (const cardrig::harness::Tearing& tearing : cardrig::harness::all_tearings()) {
            const bool harmless =
                put_data.new_value.empty() &&
                (tearing.model == lost_writes || tearing.model == atomic_page || tearing.model == prefix);
            BOOST_TEST(test::broken_by(tearing.text(), violations).contains("I5") == !harmless,
                       put_data.new_value.size() << " bytes, " << tearing.text());
        }
        test::check_mute_cards_say_why(violations);
    }
}

BOOST_AUTO_TEST_SUITE_END()
