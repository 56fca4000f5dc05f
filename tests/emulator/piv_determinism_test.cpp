// With a seed, the same commands get the same answers, byte for byte.
#include "tests/emulator/piv_card.h"

#include "apdu/ber_tlv.h"

#include <boost/test/unit_test.hpp>

#include <optional>
#include <set>
#include <string>

namespace test = cardrig::tests;
namespace apdu = cardrig::apdu;
using apdu::Bytes;
using cardrig::emulator::Algorithm;

namespace {

/// Every answer of a renewal: challenge, keys, signatures.
std::vector<Bytes> transcript(std::optional<std::uint64_t> seed) {
    test::Setup setup;
    setup.seed = seed;
    setup.config.piv.algorithms = {Algorithm::rsa1024, Algorithm::p256};
    test::PivCard card(setup);
    std::vector<Bytes> answers;
    const auto note = [&](std::string_view command) { answers.push_back(card.send(command).encode()); };
    note("0087039B047C028100");
    note("0087039B047C028000");
    BOOST_REQUIRE_EQUAL(card.authenticate(), 0x9000);
    note("0047009A05AC03800106");
    note("0047009C05AC03800111");
    BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
    note("0087119C267C2482008120" + std::string(64, '5'));
    BOOST_REQUIRE_EQUAL(card.verify(), 0x9000);
    note("0087119C267C2482008120" + std::string(64, '5'));
    return answers;
}

} // namespace

BOOST_AUTO_TEST_SUITE(piv_determinism)

BOOST_AUTO_TEST_CASE(the_same_seed_gives_the_same_transcript) {
    const std::vector<Bytes> first = transcript(7);
    BOOST_CHECK(transcript(7) == first);
    std::set<std::string> different;
    for (const Bytes& answer : first) {
        BOOST_TEST(answer.size() > 2U);
        BOOST_TEST(different.insert(apdu::to_hex(answer)).second); // nothing repeats within it
    }
}

BOOST_AUTO_TEST_CASE(another_seed_and_none_give_others) {
    const std::vector<Bytes> first = transcript(7);
    const std::vector<Bytes> second = transcript(8);
    const std::vector<Bytes> unseeded = transcript(std::nullopt);
    for (std::size_t i = 0; i < first.size(); ++i) {
        BOOST_CHECK(first[i] != second[i]);
        BOOST_CHECK(first[i] != unseeded[i]);
    }
}

BOOST_AUTO_TEST_SUITE_END()
