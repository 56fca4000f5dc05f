// Power lost at every write of a PUT DATA whose blocks are written as they come: after each cut the object is
// what it was before, or absent, or the new one whole (I5), and it can be written anew (I1).
#include "apdu/ber_tlv.h"
#include "emulator/piv/piv_memory.h"
#include "tests/emulator/cut_bench.h"

#include <boost/test/unit_test.hpp>

#include <optional>
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

test::Setup setup() {
    test::Setup setup;
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
    BOOST_TEST(answer.status.value() == 0x9000);
    return answer.data;
}

std::optional<Bytes> wrapped(const std::optional<Bytes>& value) {
    return value ? std::optional{apdu::make_tlv(0x53, *value)} : std::nullopt;
}

void check(CutBench& bench, const CutBench::Cut& cut, const History& history) {
    BOOST_TEST_CONTEXT(cut.place) {
        const test::StoreState state = bench.state();
        BOOST_CHECK(state.objects == cut.before.objects || state.objects == cut.after.objects);
        BOOST_CHECK(state.counters == cut.before.counters);
        const auto found = read(bench.card(), certificate);
        BOOST_CHECK(found == wrapped(history.after(cut.step)) ||
                    found == wrapped(history.after(cut.step + 1)));
        BOOST_CHECK(read(bench.card(), neighbour) == wrapped(content(80, 0x33)));
        BOOST_TEST(bench.card().put_data(certificate, {}) == 0x6982); // nobody is authenticated any more
        authenticate(bench.card());
        put(bench.card(), certificate, content(150, 0x44));
        BOOST_CHECK(read(bench.card(), certificate) == wrapped(content(150, 0x44)));
    }
}

void sweep(const CardStep& prepare, const std::optional<Bytes>& old_value, const Bytes& new_value,
           std::size_t block_size, std::size_t gone_with) {
    CutBench bench(setup(), [&prepare](CardSession& card) {
        authenticate(card);
        put(card, neighbour, content(80, 0x33));
        prepare(card);
    });
    const auto steps = blocks(new_value, block_size);
    const History history{old_value, gone_with, steps.size(),
                          new_value.empty() ? std::nullopt : std::optional{new_value}};
    const auto cuts =
        bench.sweep(authenticate, steps, [&](const CutBench::Cut& cut) { check(bench, cut, history); });
    BOOST_TEST_MESSAGE(cuts << " cuts");
    BOOST_TEST(cuts > cardrig::harness::all_tearings().size());
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
    sweep(put_old_value, old_value, content(420, 0x22), 200, 0);
}

BOOST_AUTO_TEST_CASE(replacing_by_a_shorter_value_with_a_head_in_two_blocks) {
    sweep(put_old_value, old_value, content(9, 0x22), 6, 1);
}

BOOST_AUTO_TEST_CASE(writing_what_was_not_there) {
    sweep(nothing, std::nullopt, content(300, 0x22), 120, 0);
}

BOOST_AUTO_TEST_CASE(writing_anew_what_is_unfinished) {
    sweep(leave_unfinished, std::nullopt, content(300, 0x22), 120, 0);
}

BOOST_AUTO_TEST_CASE(deleting) {
    sweep(put_old_value, old_value, {}, 4, 1);
}

BOOST_AUTO_TEST_CASE(deleting_what_is_unfinished) {
    sweep(leave_unfinished, std::nullopt, {}, 4, 1);
}

BOOST_AUTO_TEST_SUITE_END()
