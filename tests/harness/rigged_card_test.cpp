#include "harness/rigged_card.h"

#include "apdu/ber_tlv.h"
#include "emulator/crypto.h"
#include "emulator/inspection.h"
#include "emulator/store/layout.h"
#include "tests/harness/test_card.h"

#include <boost/test/unit_test.hpp>

#include <memory>
#include <set>
#include <string>
#include <vector>

using namespace cardrig::harness;
using cardrig::test::hex;
namespace apdu = cardrig::apdu;
namespace emulator = cardrig::emulator;

namespace {

constexpr const char* select_piv = "00A4040009A0000003080000100000";
constexpr const char* read_chuid = "00CB3FFF055C035FC10200";
constexpr const char* right_passcode = "0020008008313233343536FFFF";
constexpr const char* wrong_passcode = "0020008008393939393939FFFF";

/// A card in a rig, with power.
struct Fixture {
    Trace trace;
    RiggedCard card{0, cardrig::test::staff_card().image, 7, trace};

    Fixture() { card.power_on(); }
    explicit Fixture(bool show_secrets) : trace(show_secrets) { card.power_on(); }

    Answer send(const char* command) { return card.transmit(hex(command)); }

    /// Status word in hex, or "none".
    std::string status(const char* command) {
        const auto answer = send(command);
        return answer && answer->size() >= 2 ? apdu::to_hex(apdu::ByteView(*answer).last(2)) : "none";
    }

    void plan(const char* place, const char* effect) {
        const Fault fault{Place::parse(place).value(), Effect::parse(effect).value()};
        BOOST_TEST_REQUIRE(fault.check().has_value());
        card.plan({fault});
    }

    [[nodiscard]] int tries() const { return cardrig::emulator::inspect(card.image()).value().passcode.left; }

    [[nodiscard]] std::vector<TraceEvent> of_kind(const std::string& kind) const {
        std::vector<TraceEvent> found;
        for (const TraceEvent& event : trace.events()) {
            if (event.kind == kind) {
                found.push_back(event);
            }
        }
        return found;
    }
};

/// The whole trace, as a file would hold it.
std::string as_text(const Trace& trace) {
    std::string text;
    for (const TraceEvent& event : trace.events()) {
        text += event.to_json().dump() + "\n";
    }
    return text;
}

/// External authentication with the management key of the card's maker.
void authenticate(Fixture& rig) {
    const auto answer = rig.send("0087039B047C02810000");
    BOOST_TEST_REQUIRE((answer && answer->size() == 14U)); // 7C 0A 81 08, the challenge, 9000
    cardrig::emulator::CryptoContext crypto;
    const apdu::Bytes proof = cardrig::emulator::encrypt_block(
        crypto, cardrig::emulator::Algorithm::triple_des, hex(cardrig::test::staff_card().management_key),
        apdu::ByteView(*answer).subspan(4, 8));
    BOOST_TEST_REQUIRE(rig.status(("0087039B0C7C0A8208" + apdu::to_hex(proof)).c_str()) == "9000");
}

constexpr const char* read_object = "00CB3FFF055C035FC12000";
constexpr const char* write_object = "00DB3FFF0C5C035FC12053057003010203";

/// The number, since the rig began, of the first memory write that changes an object in its place: the
/// transaction is committed by then, and recovery has to finish it.
std::uint64_t first_home_write_of_object() {
    Fixture rig;
    authenticate(rig);
    const std::size_t before = rig.of_kind("memory-write").size();
    BOOST_TEST_REQUIRE(rig.status(write_object) == "9000");
    const auto config = rig.card.image().config;
    const auto layout = cardrig::emulator::store::Layout::of(config.geometry, config.protection).value();
    const auto writes = rig.of_kind("memory-write");
    for (std::size_t i = before; i < writes.size(); ++i) {
        if (layout.home.contains(writes[i].fields.at("offset").get<std::uint32_t>())) {
            return writes[i].fields.at("write").get<std::uint64_t>();
        }
    }
    BOOST_FAIL("the object was never written home");
    return 0;
}

struct Case {
    const char* place;
    const char* effect;
    const char* answer; ///< of the PUT DATA, GET DATA or VERIFY that it is aimed at
};

} // namespace

BOOST_AUTO_TEST_SUITE(rigged_card)

BOOST_AUTO_TEST_CASE(without_faults_it_is_the_card) {
    Fixture rig;
    BOOST_CHECK(rig.card.atr() == cardrig::test::staff_card().image.config.atr);
    BOOST_TEST(rig.status(select_piv) == "9000");
    BOOST_TEST(rig.status(read_chuid) == "9000");
    BOOST_TEST(rig.status(right_passcode) == "9000");
    rig.card.power_off();
    BOOST_TEST(rig.card.atr().empty());
    BOOST_TEST(!rig.send(select_piv).has_value());
}

BOOST_AUTO_TEST_CASE(every_verb_works_at_every_place) {
    const std::vector<Case> cases{
        {"verify passcode before", "cut-power", "none"},
        {"verify passcode after", "cut-power", "none"},
        {"verify passcode write #1", "cut-power", "none"},
        {"verify passcode write #1", "cut-power erase-block", "none"},
        {"write #1", "cut-power prefix one", "none"},
        {"verify passcode before", "remove", "none"},
        {"verify passcode after", "remove", "none"},
        {"verify passcode write #1", "remove", "none"},
        {"write #1", "remove", "none"},
        {"verify passcode block 1 before", "remove", "none"},
        {"verify passcode block 1 after", "cut-power", "none"},
        {"verify passcode before", "answer 6F00", "6F00"},
        {"verify passcode after", "answer 6F00", "6F00"},
        {"verify passcode block 1 before", "answer 6F00", "6F00"},
        {"verify passcode block 1 after", "answer 6F00", "6F00"},
    };
    for (const Case& one : cases) {
        BOOST_TEST_CONTEXT(one.effect << " at " << one.place) {
            Fixture rig;
            BOOST_TEST(rig.status(select_piv) == "9000");
            rig.plan(one.place, one.effect);
            BOOST_TEST(rig.status(wrong_passcode) == one.answer);
            BOOST_TEST(rig.card.pending_faults().empty());
            const auto faults = rig.of_kind("fault");
            BOOST_TEST_REQUIRE(faults.size() == 1U);
            BOOST_TEST(faults[0].fields.at("effect") == one.effect);
            rig.card.power_on();
            BOOST_TEST(rig.status(read_chuid) == "9000");
        }
    }
}

BOOST_AUTO_TEST_CASE(before_the_card_never_sees_the_command_and_after_it_has_executed_it) {
    Fixture rig;
    const int full = rig.tries();
    rig.plan("verify before", "answer 63C1");
    BOOST_TEST(rig.status(wrong_passcode) == "63C1");
    BOOST_TEST(rig.tries() == full);
    rig.plan("verify after", "answer 9000");
    BOOST_TEST(rig.status(wrong_passcode) == "9000");
    BOOST_TEST(rig.tries() == full - 1);
    rig.plan("verify after", "cut-power");
    BOOST_TEST(rig.status(wrong_passcode) == "none");
    BOOST_TEST(rig.tries() == full - 2);
}

BOOST_AUTO_TEST_CASE(loss_of_power_takes_what_is_volatile_and_leaves_the_memory) {
    Fixture rig;
    BOOST_TEST(rig.status(right_passcode) == "9000");
    BOOST_TEST(rig.status("00200080") == "9000");
    rig.plan("get-data before", "cut-power");
    BOOST_TEST(rig.status(read_chuid) == "none");
    BOOST_TEST(rig.card.atr().empty());
    BOOST_TEST(!rig.send(read_chuid).has_value());
    rig.card.power_on();
    BOOST_TEST(!rig.card.atr().empty());
    BOOST_TEST(rig.status("00200080") == "63C3");
}

BOOST_AUTO_TEST_CASE(a_removed_card_says_so_and_a_cut_one_does_not) {
    Fixture removed;
    removed.plan("get-data after", "remove");
    BOOST_TEST(removed.status(read_chuid) == "none");
    BOOST_TEST(removed.of_kind("reader").size() == 1U);
    Fixture cut;
    cut.plan("get-data after", "cut-power");
    BOOST_TEST(cut.status(read_chuid) == "none");
    BOOST_TEST(cut.of_kind("reader").empty());
}

BOOST_AUTO_TEST_CASE(a_chain_is_cut_at_the_block_that_was_named) {
    constexpr const char* first = "10DB3FFF085C035FC10553820100";
    constexpr const char* last = "00DB3FFF0401020304";
    Fixture rig;
    rig.plan("put-data authentication-certificate block 2 before", "remove");
    BOOST_TEST(rig.status(first) == "9000");
    BOOST_TEST(rig.status(last) == "none");
    rig.card.power_on();
    rig.plan("put-data authentication-certificate after", "answer 6A84");
    BOOST_TEST(rig.status(first) == "9000");
    BOOST_TEST(rig.status(last) == "6A84");
    rig.plan("put-data authentication-certificate before", "answer 6A84");
    BOOST_TEST(rig.status(first) == "6A84");
}

BOOST_AUTO_TEST_CASE(the_second_occurrence_is_the_second) {
    Fixture rig;
    rig.plan("verify passcode #2 before", "answer 6983");
    BOOST_TEST(rig.status(right_passcode) == "9000");
    BOOST_TEST(rig.status(right_passcode) == "6983");
    BOOST_TEST(rig.status(right_passcode) == "9000");
}

BOOST_AUTO_TEST_CASE(memory_writes_are_numbered_in_the_trace_as_they_are_aimed_at) {
    Fixture first;
    BOOST_TEST(first.status(wrong_passcode) == "63C2");
    BOOST_TEST(first.status(right_passcode) == "9000");
    const auto writes = first.of_kind("memory-write");
    BOOST_TEST_REQUIRE(writes.size() >= 2U);
    BOOST_TEST(first.card.writes() == writes.size());
    for (std::uint64_t n = 1; n <= writes.size(); ++n) {
        Fixture again;
        again.plan(("write #" + std::to_string(n)).c_str(), "cut-power");
        if (again.status(wrong_passcode) != "none") {
            BOOST_TEST(again.status(right_passcode) == "none");
        }
        BOOST_TEST(again.of_kind("memory-write").size() == n);
        BOOST_TEST(again.of_kind("memory-write").back().fields.at("write") == n);
    }
}

BOOST_AUTO_TEST_CASE(power_lost_in_recovery_leaves_a_mute_card_that_recovers_the_next_time) {
    const std::uint64_t home = first_home_write_of_object();
    Fixture rig;
    authenticate(rig);
    BOOST_TEST(rig.status(read_object) == "6A82");
    rig.plan(("write #" + std::to_string(home)).c_str(), "cut-power erased-page");
    BOOST_TEST(rig.status(write_object) == "none");
    BOOST_TEST_REQUIRE(rig.card.pending_faults().empty());
    BOOST_TEST(!rig.card.mute().has_value()); // it has no power at all

    rig.plan(("write #" + std::to_string(rig.card.writes() + 1)).c_str(), "cut-power");
    rig.card.power_on();
    BOOST_TEST_REQUIRE(rig.card.pending_faults().empty());
    BOOST_TEST(rig.card.atr().empty());
    BOOST_TEST_REQUIRE(rig.card.mute().has_value());
    BOOST_TEST(rig.card.mute()->power_lost);
    BOOST_TEST(rig.status(read_object) == "none");

    rig.card.power_on();
    BOOST_TEST(!rig.card.mute().has_value());
    BOOST_TEST(rig.status(read_object) == "9000");
}

BOOST_AUTO_TEST_CASE(no_passcode_is_ever_in_a_trace) {
    const std::vector<const char*> secret_commands{
        right_passcode,
        "10200080083132333435361111",                  // chained
        "00240080103132333435364FFFF3132333435363738", // half a byte too many: never sent
        "0024008010313233343536FFFF3132333435363738",  // change
        "002C0080103132333435363738313233343536FFFF",  // unblock
        "00200080000008313233343536FFFF",              // extended length
        "0020008009313233343536FFFF",                  // Lc says one byte more
        "0020008008313233343536FFFF0000000000",        // and some more
    };
    Fixture rig;
    for (const char* command : secret_commands) {
        const auto bytes = apdu::from_hex(command);
        if (bytes) {
            static_cast<void>(rig.card.transmit(*bytes));
        }
    }
    BOOST_TEST(rig.of_kind("apdu").size() == secret_commands.size() - 1);
    BOOST_TEST(as_text(rig.trace).find("313233343536") == std::string::npos);
    BOOST_TEST(rig.of_kind("apdu")[0].fields.at("command") == "0020008008..");

    Fixture open(true);
    static_cast<void>(open.send(right_passcode));
    BOOST_TEST(as_text(open.trace).find("0020008008313233343536FFFF") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(management_key_exchanges_are_redacted_both_ways) {
    Fixture rig;
    const auto answer = rig.send("0087039B047C02810000");
    BOOST_TEST_REQUIRE(answer.has_value());
    BOOST_TEST_REQUIRE(answer->size() > 10U);
    const TraceEvent event = rig.of_kind("apdu").back();
    BOOST_TEST(event.fields.at("response") == "..9000");
    BOOST_TEST(event.fields.at("command") == "0087039B04..");
}

BOOST_AUTO_TEST_CASE(one_seed_gives_the_same_random_numbers) {
    constexpr const char* challenge = "0087039B047C02810000";
    Fixture first;
    Fixture second;
    Trace trace;
    RiggedCard other(0, cardrig::test::staff_card().image, 8, trace);
    other.power_on();
    const auto drawn = first.send(challenge);
    BOOST_CHECK(drawn == second.send(challenge));
    BOOST_CHECK(drawn != other.transmit(hex(challenge)));
}

BOOST_AUTO_TEST_CASE(weak_bits_are_saved_with_the_card_and_go_on_as_in_the_rig) {
    Fixture rig;
    rig.plan("verify write #1", "cut-power weak-bits 5");
    BOOST_TEST(rig.status(wrong_passcode) == "none");
    const auto saved = emulator::CardImage::parse(rig.card.image().serialize()).value();
    BOOST_REQUIRE(!saved.weak.masks.empty());
    BOOST_CHECK(saved.weak == rig.card.image().weak);

    // Undecided in a memory that the image is loaded into, and only there.
    emulator::MemoryNvm memory(saved.config.geometry, saved.memory, saved.weak);
    const auto [offset, mask] = *saved.weak.masks.begin();
    std::set<std::uint8_t> weak;
    std::set<std::uint8_t> firm;
    for (int i = 0; i < 50; ++i) {
        apdu::Bytes byte(1);
        memory.read(offset, byte);
        weak.insert(byte[0] & mask);
        firm.insert(byte[0] & static_cast<std::uint8_t>(~mask));
    }
    BOOST_TEST(weak.size() > 1U);
    BOOST_TEST(firm.size() == 1U);

    // The card goes on from its image as it goes on in its rig: the same draws, the same recovery.
    Trace trace;
    RiggedCard again(0, saved, 7, trace);
    again.power_on();
    rig.card.power_on();
    BOOST_CHECK(again.image().memory == rig.card.image().memory);
    BOOST_CHECK(again.image().weak == rig.card.image().weak);
    // Whatever was read there, the counter is one of the two that were ever written (I5, I6).
    const int tries = rig.tries();
    BOOST_TEST((tries == 3 || tries == 2));
}

BOOST_AUTO_TEST_CASE(its_events_bear_its_name_and_the_reader_that_it_was_powered_on_in) {
    Trace trace;
    RiggedCard card(-1, cardrig::test::staff_card().image, 7, trace, "agent");
    card.power_on(); // nobody has put it in
    card.set_reader(2);
    static_cast<void>(card.transmit(hex(select_piv))); // still where it was
    card.lose_power();
    card.power_on();
    card.plan({{Place::parse("verify write #1").value(), Effect::parse("cut-power").value()}});
    static_cast<void>(card.transmit(hex(right_passcode)));
    std::set<std::string> kinds;
    std::size_t seen = 0;
    for (const TraceEvent& event : trace.events()) {
        BOOST_TEST(event.reader == (++seen <= 3 ? -1 : 2), event.kind); // on, a command, off
        BOOST_TEST(event.fields.at("card") == "agent", event.kind);
        kinds.insert(event.kind);
    }
    BOOST_TEST((kinds == std::set<std::string>{"apdu", "fault", "memory-write", "power"}));

    Fixture alone;
    BOOST_TEST(alone.status(right_passcode) == "9000");
    for (const TraceEvent& event : alone.trace.events()) {
        BOOST_TEST(event.reader == 0);
        BOOST_TEST(!event.fields.contains("card"));
    }
}

BOOST_AUTO_TEST_CASE(a_card_whose_memory_is_no_cards_stays_mute) {
    Trace trace;
    cardrig::emulator::CardImage image = cardrig::test::staff_card().image;
    std::fill(image.memory.begin(), image.memory.end(), 0xFF);
    RiggedCard card(0, image, std::nullopt, trace);
    card.power_on();
    BOOST_TEST(card.atr().empty());
    BOOST_TEST_REQUIRE(card.mute().has_value());
    BOOST_TEST(!card.mute()->power_lost);
    BOOST_TEST(!card.mute()->reason.empty());
    BOOST_TEST(trace.events().back().fields.at("mute") == card.mute()->reason);
    card.power_off();
    BOOST_TEST(!card.mute().has_value());
}

BOOST_AUTO_TEST_SUITE_END()
