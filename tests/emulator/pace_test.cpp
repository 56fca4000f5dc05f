#include "emulator/pace.h"

#include "emulator/card.h"
#include "emulator/personalise.h"
#include "harness/test_authority.h"

#include <chrono>
#include <memory>
#include <string_view>
#include <vector>

#include <boost/test/unit_test.hpp>

namespace apdu = cardrig::apdu;
namespace piv = cardrig::emulator::piv;
using namespace cardrig::emulator;
using namespace std::chrono_literals;
using std::chrono::microseconds;

namespace {

/// Writes down what it is told to wait for, and does not wait.
class RecordingClock final : public Clock {
public:
    [[nodiscard]] std::chrono::sys_seconds now() const override { return {}; }
    void wait(microseconds duration) override { waits.push_back(duration); }

    std::vector<microseconds> waits;
};

CardSpec sample(const Timing& timing) {
    CardSpec spec;
    spec.config.profile = "sample";
    spec.config.atr = {0x3B, 0x00};
    spec.config.timing = timing;
    spec.config.piv.algorithms = {Algorithm::p256};
    spec.management_algorithm = Algorithm::aes128;
    spec.management_key = Bytes(16, 0x11);
    return spec;
}

/// A card with a key in 9A that takes its time.
class TimedCard final {
public:
    explicit TimedCard(const Timing& timing, bool is_token = false)
        : image_(make(timing, is_token)), nvm_(image_.config.geometry, image_.memory) {
        card_ = Card::power_on(nvm_, image_.config, {crypto_, entropy_, keys_, clock_}).value();
    }

    /// What the card waited for while it answered, and its answer's status.
    std::vector<microseconds> waits_for(std::string_view command, std::string_view status) {
        clock_.waits.clear();
        answer_ = card_->transmit(*apdu::from_hex(command));
        BOOST_TEST(apdu::to_hex(ByteView(answer_).last(2)) == status, command);
        return clock_.waits;
    }
    [[nodiscard]] std::size_t answer_size() const { return answer_.size(); }
    void power_cycle() {
        card_.reset();
        clock_.waits.clear();
        card_ = Card::power_on(nvm_, image_.config, {crypto_, entropy_, keys_, clock_}).value();
    }
    [[nodiscard]] const std::vector<microseconds>& waits() const { return clock_.waits; }
    void authenticate() {
        answer_ = card_->transmit(*apdu::from_hex("0087089B047C02810000"));
        BOOST_REQUIRE_EQUAL(answer_.size(), 22U);
        const Bytes challenge(answer_.begin() + 4, answer_.begin() + 20);
        Bytes proof = *apdu::from_hex("0087089B147C128210");
        const Bytes sealed = encrypt_block(crypto_, Algorithm::aes128, Bytes(16, 0x11), challenge);
        proof.insert(proof.end(), sealed.begin(), sealed.end());
        BOOST_REQUIRE(card_->transmit(proof) == (Bytes{0x90, 0x00}));
    }

private:
    CardImage make(const Timing& timing, bool is_token) {
        CardSpec spec = sample(timing);
        if (is_token) {
            spec.config.piv.yubico.emplace();
        }
        spec.keys.push_back({piv::authentication_key, FreshKeys().generate(crypto_, Algorithm::p256), {}, 0});
        return personalise(spec).value();
    }

    CryptoContext crypto_{7};
    ContextEntropy entropy_{crypto_};
    FreshKeys keys_;
    RecordingClock clock_;
    CardImage image_;
    MemoryNvm nvm_;
    Bytes answer_;
    std::unique_ptr<Card> card_;
};

using Waits = std::vector<microseconds>;

constexpr std::string_view select_piv = "00A4040005A000000308";
constexpr std::string_view right_passcode = "0020008008313233343536FFFF";
constexpr std::string_view wrong_passcode = "0020008008393939393939FFFF";
/// 9A signs 32 bytes.
constexpr std::string_view sign = "0087119A267C2482008120"
                                  "01010101010101010101010101010101"
                                  "01010101010101010101010101010101";
constexpr std::string_view generate = "0047009E05AC03800111";

} // namespace

BOOST_AUTO_TEST_SUITE(pace)

BOOST_AUTO_TEST_CASE(a_card_without_timing_never_waits) {
    TimedCard card{Timing{}};
    BOOST_CHECK(card.waits_for(select_piv, "9000").empty());
    BOOST_CHECK(card.waits_for(wrong_passcode, "63C2").empty());
    BOOST_CHECK(card.waits_for(right_passcode, "9000").empty());
    BOOST_CHECK(card.waits_for(sign, "9000").empty());
    card.authenticate();
    BOOST_CHECK(card.waits_for(generate, "9000").empty());
}

BOOST_AUTO_TEST_CASE(each_byte_of_a_command_and_its_answer_takes_its_time) {
    Timing timing;
    timing.command = 5ms;
    timing.byte = 90us;
    TimedCard card{timing};
    const Waits waits = card.waits_for(select_piv, "9000");
    const auto answer = static_cast<int>(card.answer_size());
    BOOST_CHECK((waits == Waits{5ms + 10 * 90us, answer * 90us}));
    BOOST_CHECK((card.waits_for("00", "6700") == Waits{5ms + 90us, 2 * 90us}));
    // Each block of a chain is a command, and so is GET RESPONSE.
    BOOST_CHECK((card.waits_for("1087119A0101", "9000") == Waits{5ms + 6 * 90us, 2 * 90us}));
    BOOST_CHECK((card.waits_for("00C0000000", "6985") == Waits{5ms + 5 * 90us, 2 * 90us}));
}

BOOST_AUTO_TEST_CASE(each_write_of_a_page_takes_its_time) {
    Timing timing;
    timing.memory_write = 3ms;
    TimedCard card{timing};
    BOOST_CHECK(card.waits_for(select_piv, "9000").empty());
    const Waits waits =
        card.waits_for(wrong_passcode, "63C2"); // the counter goes down, before the comparison
    BOOST_REQUIRE(!waits.empty());
    BOOST_CHECK(waits == Waits(waits.size(), 3ms));
    card.power_cycle();
    BOOST_CHECK(card.waits().empty()); // there is nothing to recover
}

BOOST_AUTO_TEST_CASE(work_with_keys_takes_its_time) {
    Timing timing;
    timing.generate = {{Algorithm::p256, 150ms}, {Algorithm::p384, 1s}};
    timing.use = {{Algorithm::p256, 90ms}, {Algorithm::aes128, 1ms}};
    TimedCard card{timing};
    BOOST_CHECK(card.waits_for(sign, "6982").empty()); // refused before it begins
    BOOST_CHECK(card.waits_for(right_passcode, "9000").empty());
    BOOST_CHECK((card.waits_for(sign, "9000") == Waits{90ms}));
    BOOST_CHECK(card.waits_for("0087089B047C028100", "9000").empty()); // a challenge is a random number
    BOOST_CHECK((card.waits_for("0087089B047C028000", "9000") == Waits{1ms})); // a witness is encrypted
    BOOST_CHECK(card.waits_for(generate, "6982").empty());
    card.authenticate();
    BOOST_CHECK((card.waits_for(generate, "9000") == Waits{150ms}));
}

BOOST_AUTO_TEST_CASE(an_attestation_takes_the_time_of_one_use) {
    Timing timing;
    timing.use = {{Algorithm::p256, 90ms}};
    TimedCard card{timing, true};
    card.authenticate();
    CryptoContext context{7};
    FreshKeys keys;
    using namespace std::chrono;
    const cardrig::harness::TestAuthority maker(
        context, keys, {sys_days{2020y / 1 / 1}, sys_days{2040y / 1 / 1}}, Algorithm::p256);
    Bytes object = *apdu::from_hex("5C035FFF01");
    apdu::append_tlv(object, 0x53, piv::certificate_container(maker.certificate()));
    const Bytes put = apdu::CommandApdu(0x00, 0xDB, 0x3F, 0xFF, object).encode();
    BOOST_CHECK((card.waits_for(apdu::to_hex(put), "9000") == Waits{}));
    BOOST_CHECK((card.waits_for("004700F905AC03800111", "9000") == Waits{}));
    BOOST_CHECK((card.waits_for("0047009A05AC03800111", "9000") == Waits{}));
    BOOST_CHECK((card.waits_for("00F99A00000000", "9000") == Waits{90ms}));
}

BOOST_AUTO_TEST_SUITE_END()
