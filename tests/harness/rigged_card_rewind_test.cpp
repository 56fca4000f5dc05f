// A card that is brought back to an image, and what it tells of its memory.
#include "tests/harness/rigged_card_fixture.h"

#include "emulator/inspection.h"

#include <algorithm>
#include <stdexcept>

#include <boost/test/unit_test.hpp>

using namespace cardrig;
using namespace cardrig::harness;
using namespace cardrig::test;

namespace {

constexpr const char* generate_9a = "0047009A05AC03800111"; // P-256

std::string key_of_9a(const emulator::CardImage& image) {
    return emulator::inspect(image).value().slot(0x9A)->key_sha256;
}

struct Told {
    std::uint64_t write;
    std::uint32_t offset;
    apdu::Bytes bytes;
    bool in_command;
};

std::vector<Told> listen(RiggedCard& card, const std::function<void()>& work) {
    std::vector<Told> told;
    card.set_on_memory([&told](const MemoryAccess& access) {
        told.push_back({access.write, access.offset, apdu::Bytes(access.bytes.begin(), access.bytes.end()),
                        access.in_command});
    });
    work();
    card.set_on_memory({});
    return told;
}

} // namespace

BOOST_AUTO_TEST_SUITE(rigged_card_rewind)

BOOST_AUTO_TEST_CASE(a_card_is_as_it_was_in_the_image) {
    RiggedCardFixture rig;
    const emulator::CardImage start = rig.card.image();
    BOOST_TEST(rig.status(wrong_passcode) == "63C2");
    rig.card.add(make_fault("any", "remove"));
    rig.card.lose_power();
    rig.card.rewind(start, 7);
    BOOST_TEST(!rig.card.powered());
    BOOST_TEST(!rig.card.lost_power());
    BOOST_TEST(rig.card.pending_faults().empty());
    BOOST_TEST((rig.card.image().memory == start.memory));
    BOOST_TEST(rig.card.writes() == 0U);
    rig.card.power_on();
    BOOST_TEST(rig.tries() == 3);
    BOOST_TEST(rig.status(right_passcode) == "9000");
    BOOST_TEST(rig.card.writes() > 0U);
}

BOOST_AUTO_TEST_CASE(with_the_same_seed_it_makes_the_same_key_and_with_another_another) {
    RiggedCardFixture rig;
    const emulator::CardImage start = rig.card.image();
    const auto key_with = [&](std::uint64_t seed) {
        rig.card.rewind(start, seed);
        rig.card.power_on();
        authenticate(rig);
        BOOST_TEST(rig.status(generate_9a) == "9000");
        return key_of_9a(rig.card.image());
    };
    const std::string first = key_with(7);
    const std::string other = key_with(8);
    BOOST_TEST(first != key_of_9a(start));
    BOOST_TEST(first != other);
    BOOST_TEST(key_with(7) == first);
}

BOOST_AUTO_TEST_CASE(every_write_and_sync_is_told_with_what_is_written) {
    RiggedCardFixture rig;
    const emulator::CardImage start = rig.card.image();
    rig.card.rewind(start, 7);
    rig.card.power_on();
    const auto told = listen(rig.card, [&] { BOOST_TEST(rig.status(wrong_passcode) == "63C2"); });
    apdu::Bytes memory = start.memory;
    std::uint64_t writes = 0;
    for (const Told& one : told) {
        BOOST_TEST(one.in_command);
        if (one.write > 0) {
            BOOST_TEST(one.write == ++writes);
            std::ranges::copy(one.bytes, memory.begin() + one.offset);
        }
    }
    BOOST_TEST(writes > 0U);
    BOOST_TEST(writes == rig.card.writes());
    BOOST_TEST(std::ranges::count(told, 0U, &Told::write) > 0);
    BOOST_TEST(told.back().write == 0U); // a counter is synced before the code is compared
    BOOST_TEST((rig.card.image().memory == memory));
}

BOOST_AUTO_TEST_CASE(what_it_writes_when_it_starts_belongs_to_no_command) {
    RiggedCardFixture rig;
    const emulator::CardImage start = rig.card.image();
    std::size_t in_recovery = 0;
    for (int write = 1; write <= 60; ++write) { // some of them are behind the journal's commit
        rig.card.rewind(start, 7);
        rig.card.power_on();
        authenticate(rig);
        rig.card.add(make_fault("put-data write #" + std::to_string(write), "cut-power atomic-page"));
        if (put(rig, 150) != "no power") {
            break;
        }
        rig.card.power_off();
        const auto told = listen(rig.card, [&] { rig.card.power_on(); });
        in_recovery += told.size();
        BOOST_TEST(std::ranges::none_of(told, &Told::in_command));
    }
    BOOST_TEST(in_recovery > 0U);
}

BOOST_AUTO_TEST_CASE(another_cards_image_is_refused) {
    RiggedCardFixture rig;
    emulator::CardImage other = rig.card.image();
    other.memory.pop_back();
    BOOST_CHECK_THROW(rig.card.rewind(other, 7), std::logic_error);
    Trace trace;
    RiggedCard unseeded(0, rig.card.image(), std::nullopt, trace);
    BOOST_CHECK_THROW(unseeded.rewind(rig.card.image(), 7), std::logic_error);
}

BOOST_AUTO_TEST_SUITE_END()
