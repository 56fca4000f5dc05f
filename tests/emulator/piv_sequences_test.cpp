// Random sequences of whatever may happen to a card, power cuts included: after each step the promises hold
// (I1, I5, I6, see tests/fuzz/card_model.h). The fuzz target `card` takes the same sequences as its input;
// here they are always the same ones. In the negative controls something about the card is broken, and the
// model has to see it.
#include "apdu/piv_application_id.h"
#include "emulator/piv/piv_memory.h"
#include "emulator/store/layout.h"
#include "tests/emulator/broken_memory.h"
#include "tests/fuzz/card_script.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <string>
#include <string_view>

namespace test = cardrig::tests;
namespace apdu = cardrig::apdu;
namespace emulator = cardrig::emulator;
using apdu::Bytes;
using apdu::ByteView;

namespace {

constexpr std::uint64_t sequences = 500; // with each card

constexpr std::size_t steps = 40;

void add(fuzz::Tally& sum, const fuzz::Tally& more) {
    sum.commands += more.commands;
    sum.cuts += more.cuts;
    sum.cuts_in_recovery += more.cuts_in_recovery;
    sum.verified += more.verified;
    sum.authenticated += more.authenticated;
    sum.written += more.written;
    sum.generated += more.generated;
    sum.changed += more.changed;
    sum.signed_ += more.signed_;
}

/// Else little was tested. A card without protection has no recovery, and often comes to its end.
void check_enough(const fuzz::Tally& sum, emulator::Protection protection) {
    BOOST_TEST(sum.cuts > sequences / 2);
    if (protection == emulator::Protection::none) {
        return;
    }
    BOOST_TEST(sum.cuts_in_recovery > sequences / 20);
    for (const std::uint64_t count :
         {sum.verified, sum.authenticated, sum.written, sum.generated, sum.changed, sum.signed_}) {
        BOOST_TEST(count > sequences / 10);
    }
}

/// What the model says first about a card that is broken in this way; empty if it sees nothing.
std::string seen(const fuzz::Sabotage& sabotage, std::size_t variant = 0) {
    for (std::uint64_t number = 0; number < sequences / 2; ++number) {
        const fuzz::Run run = fuzz::run_script(fuzz::random_script(number, variant, steps), sabotage);
        if (run.broken) {
            return *run.broken;
        }
    }
    return {};
}

template <class Broken>
fuzz::Sabotage broken_memory(emulator::Protection protection = emulator::Protection::journal) {
    fuzz::Sabotage sabotage;
    sabotage.memory = [protection](emulator::Nvm& nvm) { return std::make_unique<Broken>(nvm, protection); };
    return sabotage;
}

/// `lie` changes the answer to a command that it knows.
template <class Lie>
fuzz::Sabotage lying(Lie lie) {
    fuzz::Sabotage sabotage;
    sabotage.answer = [lie](emulator::Card& card, ByteView command) { return lie(card, command); };
    return sabotage;
}

bool is(ByteView command, std::string_view beginning) {
    const Bytes bytes = apdu::from_hex(beginning).value();
    return command.size() >= bytes.size() && std::equal(bytes.begin(), bytes.end(), command.begin());
}

bool mentions(const std::string& text, std::string_view promise) {
    BOOST_TEST_MESSAGE(text);
    return text.find(promise) != std::string::npos;
}

const Bytes success{0x90, 0x00};

} // namespace

BOOST_AUTO_TEST_SUITE(piv_sequences)

BOOST_AUTO_TEST_CASE(no_sequence_breaks_a_promise) {
    for (std::size_t variant = 0; variant < fuzz::card_variants().size(); ++variant) {
        fuzz::Tally sum;
        for (std::uint64_t number = 0; number < sequences; ++number) {
            const Bytes script = fuzz::random_script(number, variant, steps);
            const fuzz::Run run = fuzz::run_script(script);
            add(sum, run.tally);
            BOOST_TEST(!run.broken, run.broken.value_or("")
                                        << "; again with: fuzz_card --hex " << apdu::to_hex(script));
        }
        const fuzz::CardVariant& card = fuzz::card_variants()[variant];
        BOOST_TEST_MESSAGE(card.name << ": " << sum.commands << " commands, " << sum.cuts << " cuts, "
                                     << sum.cuts_in_recovery << " of them in recovery; verified "
                                     << sum.verified << ", authenticated " << sum.authenticated
                                     << ", written " << sum.written << ", generated " << sum.generated
                                     << ", changed " << sum.changed << ", signed " << sum.signed_);
        BOOST_TEST_CONTEXT(card.name) {
            check_enough(sum, card.card.config.protection);
        }
    }
}

BOOST_AUTO_TEST_CASE(the_same_script_takes_the_same_course) {
    const Bytes script = fuzz::random_script(7, 0, steps);
    BOOST_CHECK(script == fuzz::random_script(7, 0, steps));
    BOOST_CHECK(script != fuzz::random_script(8, 0, steps));
    const fuzz::Run one = fuzz::run_script(script);
    const fuzz::Run other = fuzz::run_script(script);
    BOOST_TEST(one.tally.commands == other.tally.commands);
    BOOST_TEST(one.tally.cuts == other.tally.cuts);
}

BOOST_AUTO_TEST_CASE(control_a_memory_that_breaks_nothing_is_found_sound) {
    BOOST_TEST(seen(broken_memory<test::PassingNvm>()).empty());
}

BOOST_AUTO_TEST_CASE(control_a_memory_that_drops_syncs_is_seen) {
    BOOST_TEST(mentions(seen(broken_memory<test::NoSync>()), "I"));
}

BOOST_AUTO_TEST_CASE(control_a_memory_without_commit_records_is_seen) {
    BOOST_TEST(mentions(seen(broken_memory<test::NoCommitRecord>()), "I5"));
}

BOOST_AUTO_TEST_CASE(control_a_memory_that_loses_the_journal_is_seen) {
    BOOST_TEST(!seen(broken_memory<test::NoJournal>()).empty());
}

BOOST_AUTO_TEST_CASE(control_a_shadowed_memory_that_breaks_is_seen) {
    const auto& variants = fuzz::card_variants();
    const auto shadow = static_cast<std::size_t>(
        std::ranges::find(variants, "shadow", &fuzz::CardVariant::name) - variants.begin());
    constexpr auto protection = emulator::Protection::shadow;
    BOOST_REQUIRE(shadow < variants.size());
    BOOST_TEST(seen(broken_memory<test::PassingNvm>(protection), shadow).empty());
    BOOST_TEST(mentions(seen(broken_memory<test::NoRoot>(protection), shadow), "I"));
    BOOST_TEST(mentions(seen(broken_memory<test::NoSync>(protection), shadow), "I"));
}

BOOST_AUTO_TEST_CASE(control_counters_written_in_place_are_seen) {
    BOOST_TEST(mentions(seen(broken_memory<test::OneCounterBlock>()), "I"));
}

BOOST_AUTO_TEST_CASE(control_a_wrong_try_that_costs_nothing_is_seen) {
    const auto lie = [](emulator::Card& card, ByteView command) {
        return is(command, "0020008008393939393939FFFF") ? Bytes{0x63, 0xC2} : card.transmit(command);
    };
    BOOST_TEST(mentions(seen(lying(lie)), "I6"));
}

BOOST_AUTO_TEST_CASE(control_a_passcode_that_is_not_replaced_is_seen) {
    const auto lie = [](emulator::Card& card, ByteView command) {
        return is(command, "0024008010") ? success : card.transmit(command);
    };
    BOOST_TEST(!seen(lying(lie)).empty());
}

BOOST_AUTO_TEST_CASE(control_a_card_that_takes_any_passcode_is_seen) {
    const auto lie = [](emulator::Card& card, ByteView command) {
        return is(command, "0020008008") ? success : card.transmit(command);
    };
    BOOST_TEST(!seen(lying(lie)).empty());
}

BOOST_AUTO_TEST_CASE(control_a_status_that_outlives_a_reset_is_seen) {
    fuzz::Sabotage sabotage;
    sabotage.ignores_reset = true;
    BOOST_TEST(mentions(seen(sabotage), "answered 9000"));
}

BOOST_AUTO_TEST_CASE(control_an_object_written_without_the_administrator_is_seen) {
    const auto lie = [](emulator::Card& card, ByteView command) {
        Bytes answer = card.transmit(command);
        return is(command, "00DB3FFF") && answer == Bytes{0x69, 0x82} ? success : answer;
    };
    BOOST_TEST(!seen(lying(lie)).empty());
}

BOOST_AUTO_TEST_CASE(control_an_object_with_a_wrong_bit_is_seen) {
    const auto lie = [](emulator::Card& card, ByteView command) {
        Bytes answer = card.transmit(command);
        if (is(command, "00CB3FFF055C035FC105") && answer.size() > 40) {
            answer[30] = static_cast<std::uint8_t>(answer[30] ^ 0x10U);
        }
        return answer;
    };
    BOOST_TEST(mentions(seen(lying(lie)), "I5"));
}

BOOST_AUTO_TEST_CASE(control_another_key_than_the_answered_one_is_seen) {
    const auto lie = [](emulator::Card& card, ByteView command) {
        Bytes answer = card.transmit(command);
        if (is(command, "004700") && answer.size() > 40) {
            answer[30] = static_cast<std::uint8_t>(answer[30] ^ 0x10U);
        }
        return answer;
    };
    BOOST_TEST(mentions(seen(lying(lie)), "I5"));
}

BOOST_AUTO_TEST_CASE(control_an_answer_that_is_too_long_is_seen) {
    const auto lie = [](emulator::Card& card, ByteView command) {
        Bytes answer = card.transmit(command);
        return is(command, "00CB3FFF") && answer.size() > 2 ? Bytes(300, 0x90) : answer;
    };
    BOOST_TEST(mentions(seen(lying(lie)), "no longer than asked for"));
}

BOOST_AUTO_TEST_CASE(control_an_unknown_status_word_is_seen) {
    const auto lie = [](emulator::Card& card, ByteView command) {
        Bytes answer = card.transmit(command);
        return answer == Bytes{0x6A, 0x82} ? Bytes{0x6F, 0x00} : answer;
    };
    BOOST_TEST(mentions(seen(lying(lie)), "6F00"));
}

BOOST_AUTO_TEST_CASE(control_a_mute_card_is_seen) {
    const auto lie = [](emulator::Card& card, ByteView command) {
        return is(command, "00A404") ? Bytes{} : card.transmit(command);
    };
    BOOST_TEST(mentions(seen(lying(lie)), "I1"));
}

BOOST_AUTO_TEST_SUITE_END()
