// With a seed, a card in the rig does the same again: keys, signatures, challenges, attestations and what its
// memory holds in the end, byte for byte; one after the other, in threads at the same time, and from an image
// that was saved in between. tests/bindings/test_determinism.py does the same across processes.
#include "apdu/ber_tlv.h"
#include "emulator/card_image.h"
#include "emulator/crypto.h"
#include "emulator/piv/piv_memory.h"
#include "harness/profile.h"
#include "harness/rigged_card.h"
#include "harness/test_authority.h"
#include "tests/harness/test_card.h"

#include <array>
#include <barrier>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <boost/test/unit_test.hpp>

using namespace cardrig;
namespace piv = emulator::piv;
using apdu::Bytes;
using apdu::ByteView;
using apdu::CommandApdu;
using harness::RiggedCard;

namespace {

/// What vouches for keys, where it is not there from the start.
void add_attestation_key(emulator::ObjectStore& store) {
    emulator::CryptoContext context(3);
    emulator::FreshKeys keys;
    const auto from = std::chrono::sys_days(std::chrono::year(2026) / 1 / 1);
    const harness::TestAuthority authority(context, keys, {from, from + std::chrono::years(9)});
    const emulator::PrivateKey key = keys.generate(context, emulator::Algorithm::p256);
    const piv::StoredKey stored{key.algorithm(), piv::KeyOrigin::imported, 0, key.to_der()};
    emulator::Transaction transaction = store.begin();
    transaction.put(piv::key_object(piv::attestation_key), stored.encode());
    transaction.put(piv::data_object(piv::attestation_certificate_tag),
                    piv::certificate_container(authority.certificate()));
    BOOST_REQUIRE(transaction.commit() == emulator::CommitResult::committed);
}

/// One image for all: made of the profile again, its dates would be later.
const emulator::CardImage& token() {
    static const emulator::CardImage image = [] {
        harness::MakeOptions options;
        options.now = test::now();
        return test::changed(harness::make_card("piv-yubico", options).image, add_attestation_key);
    }();
    return image;
}

/// Asks again and again for the rest of an answer.
Bytes whole_answer(RiggedCard& card, ByteView command) {
    Bytes answer = card.transmit(command).value();
    while (answer.size() >= 2 && answer[answer.size() - 2] == 0x61) {
        answer.erase(answer.end() - 2, answer.end());
        const Bytes more = card.transmit(test::hex("00C0000000")).value();
        answer.insert(answer.end(), more.begin(), more.end());
    }
    return answer;
}

/// A host of the same bytes each time, and everything that the card answers it.
class Life {
public:
    explicit Life(std::optional<std::uint64_t> seed, const emulator::CardImage& image = token())
        : seed_(seed), card_(0, image, seed, trace_) {
        card_.power_on();
    }

    using Step = void (Life::*)();
    static const std::vector<Step>& steps() {
        static const std::vector<Step> all{&Life::challenge, &Life::administrator, &Life::generate,
                                           &Life::sign,      &Life::write,         &Life::attest,
                                           &Life::power,     &Life::challenge,     &Life::sign};
        return all;
    }
    Life& lead() {
        for (const Step step : steps()) {
            (this->*step)();
        }
        return *this;
    }

    /// The answers, and the memory in the end.
    [[nodiscard]] std::vector<Bytes> transcript() const {
        std::vector<Bytes> all = answers_;
        all.push_back(card_.image().serialize());
        return all;
    }
    [[nodiscard]] std::string digest() const {
        Bytes all;
        for (const Bytes& answer : transcript()) {
            all.insert(all.end(), answer.begin(), answer.end());
        }
        return apdu::to_hex(emulator::sha256(all));
    }
    /// Saved, loaded, and gone on with.
    [[nodiscard]] std::string reloaded() const {
        Life other(seed_, emulator::CardImage::parse(card_.image().serialize()).value());
        other.challenge();
        other.sign();
        return other.digest();
    }

    void challenge() {
        send("0087039B047C02810000");
        send("0087039B047C02810000");
    }

    /// Mutual authentication.
    void administrator() {
        const Bytes witness = send("0087039B047C02800000");
        emulator::CryptoContext host;
        const Bytes key = test::hex("010203040506070801020304050607080102030405060708");
        const Bytes proof = emulator::decrypt_block(host, emulator::Algorithm::triple_des, key,
                                                    ByteView(witness).subspan(4, 8));
        Bytes data = apdu::make_tlv(0x80, proof);
        apdu::append_tlv(data, 0x81, Bytes(8, 0x5A));
        send(CommandApdu(0x00, 0x87, 0x03, 0x9B, apdu::make_tlv(0x7C, data), 256).encode());
    }

    void generate() {
        send("0047009A05AC0380011100");
        send("0047009C05AC0380010600");
        send("0047009D05AC0380011400");
    }

    void sign() {
        send("0020008008313233343536FFFF");
        const std::string digest(64, '5');
        send("0087119A267C2482008120" + digest + "00");
        send("0087119A267C2482008120" + digest + "00");
        const std::string block(254, '3');
        send("0087069C887C8185820081818000" + block + "00");
    }

    void write() { send("00DB3FFF0D5C035FC10553067004AABBCCDD"); }

    void attest() {
        send("00F99A0000");
        send("00F99D0000");
    }

    void power() {
        card_.power_off();
        card_.power_on();
    }

private:
    Bytes send(std::string_view command) { return send(test::hex(command)); }
    Bytes send(const Bytes& command) {
        Bytes answer = whole_answer(card_, command);
        if (answer.size() < 2 || answer[answer.size() - 2] != 0x90) {
            throw std::runtime_error(apdu::to_hex(command) + " is answered " + apdu::to_hex(answer));
        }
        answers_.push_back(answer);
        return answer;
    }

    std::optional<std::uint64_t> seed_;
    harness::Trace trace_{false, harness::Trace::Keep::nothing};
    RiggedCard card_;
    std::vector<Bytes> answers_;
};

} // namespace

BOOST_AUTO_TEST_SUITE(determinism)

BOOST_AUTO_TEST_CASE(the_same_seed_leads_the_same_life) {
    Life first(7);
    Life second(7);
    BOOST_CHECK(first.lead().transcript() == second.lead().transcript());
    std::set<std::string> answers;
    for (const Bytes& answer : first.transcript()) {
        answers.insert(apdu::to_hex(answer));
    }
    BOOST_TEST(answers.size() > 16U); // only bare status words come twice
}

BOOST_AUTO_TEST_CASE(another_seed_and_none_lead_other_lives) {
    const auto lives = std::array{std::optional<std::uint64_t>(7), std::optional<std::uint64_t>(8),
                                  std::optional<std::uint64_t>(), std::optional<std::uint64_t>()};
    std::vector<std::vector<Bytes>> transcripts;
    for (const std::optional<std::uint64_t>& seed : lives) {
        transcripts.push_back(Life(seed).lead().transcript());
    }
    for (std::size_t i = 0; i < transcripts[0].size(); ++i) {
        // A bare status word, and what the card makes of the host's own challenge, are no matter of chance.
        constexpr std::size_t answer_to_host = 3;
        if (transcripts[0][i].size() == 2 || i == answer_to_host) {
            continue;
        }
        std::set<std::string> different;
        for (const std::vector<Bytes>& transcript : transcripts) {
            different.insert(apdu::to_hex(transcript.at(i)));
        }
        BOOST_TEST(different.size() == transcripts.size(), "answer " << i);
    }
}

BOOST_AUTO_TEST_CASE(cards_in_threads_do_not_disturb_one_another) {
    constexpr std::size_t count = 4;
    std::vector<std::unique_ptr<Life>> lives;
    for (std::size_t i = 0; i < count; ++i) {
        lives.push_back(std::make_unique<Life>(i == 3 ? 9 : 7));
    }
    // Each step begins in all threads at once, so that they really go on side by side.
    std::barrier together(count);
    const auto lead = [&together](Life& life) {
        try {
            for (const Life::Step step : Life::steps()) {
                together.arrive_and_wait();
                (life.*step)();
            }
        } catch (const std::exception&) {
            together.arrive_and_drop(); // the others go on
            throw;
        }
    };
    std::vector<std::future<void>> threads;
    for (const std::unique_ptr<Life>& life : lives) {
        threads.push_back(std::async(std::launch::async, lead, std::ref(*life)));
    }
    for (std::future<void>& thread : threads) {
        thread.get();
    }
    Life alone(7);
    const std::string expected = alone.lead().digest();
    for (std::size_t i = 0; i < 3; ++i) {
        BOOST_TEST(lives[i]->digest() == expected);
    }
    BOOST_TEST(lives[3]->digest() == Life(9).lead().digest());
}

BOOST_AUTO_TEST_CASE(lives_may_be_led_by_turns) {
    Life one(7);
    Life other(8);
    for (const Life::Step step : Life::steps()) {
        (one.*step)();
        (other.*step)();
    }
    BOOST_TEST(one.digest() == Life(7).lead().digest());
    BOOST_TEST(other.digest() == Life(8).lead().digest());
}

BOOST_AUTO_TEST_CASE(a_saved_image_goes_on_the_same_way) {
    Life one(7);
    Life other(7);
    const std::string expected = one.lead().reloaded();
    BOOST_TEST(other.lead().reloaded() == expected);
    BOOST_TEST(one.reloaded() == expected);
}

// A power cycle is not a new card: what was handed out before does not come again.
BOOST_AUTO_TEST_CASE(power_off_and_on_repeats_nothing) {
    Life life(7);
    life.challenge();
    life.power();
    life.challenge();
    const std::vector<Bytes> answers = life.transcript();
    std::set<std::string> different;
    for (const Bytes& answer : answers) {
        different.insert(apdu::to_hex(answer));
    }
    BOOST_TEST(different.size() == answers.size());
}

BOOST_AUTO_TEST_SUITE_END()
