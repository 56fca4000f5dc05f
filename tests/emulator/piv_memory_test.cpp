#include "emulator/piv/piv_memory.h"

#include <set>

#include <boost/test/unit_test.hpp>

namespace emulator = cardrig::emulator;
namespace piv = cardrig::emulator::piv;
using cardrig::apdu::Bytes;
using cardrig::apdu::ByteView;

namespace {

Bytes hex(std::string_view text) {
    return cardrig::apdu::from_hex(text).value();
}

piv::StoredKey example() {
    return {emulator::Algorithm::p256, piv::KeyOrigin::imported, 3, hex("DEADBEEF")};
}

} // namespace

BOOST_AUTO_TEST_SUITE(piv_memory)

BOOST_AUTO_TEST_CASE(stored_key_has_the_documented_form) {
    BOOST_CHECK(example().encode() == hex("01 11 02 03 DEADBEEF"));
    const auto read = piv::StoredKey::decode(hex("01 07 01 00 3000"));
    BOOST_REQUIRE(read.has_value());
    BOOST_CHECK(read->algorithm == emulator::Algorithm::rsa2048);
    BOOST_CHECK(read->origin == piv::KeyOrigin::generated);
    BOOST_TEST(read->passcode_policy == 0);
    BOOST_CHECK(read->pkcs8 == hex("3000"));
}

BOOST_AUTO_TEST_CASE(stored_key_refuses_every_unknown_header) {
    const Bytes good = example().encode();
    const std::set<unsigned> formats{0x01};
    const std::set<unsigned> algorithms{0x05, 0x06, 0x07, 0x11, 0x14, 0x16}; // the asymmetric ones
    const std::set<unsigned> origins{1, 2};
    const std::set<unsigned> policies{0, 1, 2, 3};
    const std::vector<std::set<unsigned>> allowed{formats, algorithms, origins, policies};
    for (std::size_t at = 0; at < allowed.size(); ++at) {
        for (unsigned value = 0; value <= 0xFF; ++value) {
            Bytes changed = good;
            changed[at] = static_cast<std::uint8_t>(value);
            BOOST_TEST(piv::StoredKey::decode(changed).has_value() == allowed[at].contains(value));
        }
    }
    for (std::size_t size = 0; size <= 4; ++size) {
        BOOST_TEST(!piv::StoredKey::decode(ByteView(good).first(size)).has_value());
    }
}

BOOST_AUTO_TEST_CASE(certificates_have_the_tags_of_the_standard) {
    // SP 800-73-4 part 1, table 3.
    BOOST_CHECK(piv::certificate_tag(0x9A) == 0x5FC105U);
    BOOST_CHECK(piv::certificate_tag(0x9C) == 0x5FC10AU);
    BOOST_CHECK(piv::certificate_tag(0x9D) == 0x5FC10BU);
    BOOST_CHECK(piv::certificate_tag(0x9E) == 0x5FC101U);
    BOOST_CHECK(piv::certificate_tag(0x82) == 0x5FC10DU);
    BOOST_CHECK(piv::certificate_tag(0x95) == 0x5FC120U);
    std::set<cardrig::apdu::Tag> tags;
    for (unsigned key = 0; key <= 0xFF; ++key) {
        if (const auto tag = piv::certificate_tag(static_cast<piv::KeyReference>(key))) {
            tags.insert(*tag);
        }
    }
    BOOST_TEST(tags.size() == 24U);
    BOOST_CHECK(!piv::certificate_tag(piv::management_key));
}

BOOST_AUTO_TEST_CASE(certificate_container_has_the_form_of_the_standard) {
    // SP 800-73-4 part 1, appendix A, table 10.
    BOOST_CHECK(piv::certificate_container(hex("3003020101")) == hex("70 05 3003020101 71 01 00 FE 00"));
    const Bytes large(300, 0x30);
    const Bytes container = piv::certificate_container(large);
    BOOST_CHECK(Bytes(container.begin(), container.begin() + 4) == hex("70 82 012C"));
    BOOST_CHECK(piv::certificate_in(container) == large);
}

BOOST_AUTO_TEST_CASE(certificate_is_found_in_what_hosts_write) {
    const Bytes certificate = hex("3000");
    BOOST_CHECK(piv::certificate_in(hex("70 02 3000 71 01 00 FE 00")) == certificate);
    BOOST_CHECK(piv::certificate_in(hex("70 82 0002 3000 71 01 00 FE 00")) == certificate);
    BOOST_CHECK(piv::certificate_in(hex("70 02 3000")) == certificate);
    BOOST_CHECK(piv::certificate_in(hex("71 01 00 70 02 3000 72 01 AA FE 00")) == certificate);
}

BOOST_AUTO_TEST_CASE(no_certificate_is_found_where_there_is_none_to_read) {
    BOOST_CHECK(!piv::certificate_in({}));
    BOOST_CHECK(!piv::certificate_in(hex("71 01 00 FE 00")));
    BOOST_CHECK(!piv::certificate_in(hex("70 00 71 01 00 FE 00")));
    BOOST_CHECK(!piv::certificate_in(hex("70 02 1F8B 71 01 01 FE 00"))); // compressed
    BOOST_CHECK(!piv::certificate_in(hex("70 05 3000")));                // cut short
    BOOST_CHECK(!piv::certificate_in(hex("70 02 3000 FF")));             // something behind
}

BOOST_AUTO_TEST_SUITE_END()
