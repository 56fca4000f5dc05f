#include "apdu/bytes.h"

#include <boost/test/unit_test.hpp>

namespace apdu = cardrig::apdu;

BOOST_AUTO_TEST_SUITE(bytes)

BOOST_AUTO_TEST_CASE(hex_reads_what_it_writes) {
    const apdu::Bytes all{0x00, 0x01, 0x7F, 0x80, 0xFF};
    BOOST_TEST(apdu::to_hex(all) == "00017F80FF");
    BOOST_CHECK(apdu::from_hex("00 01:7f80\nFF").value() == all);
    BOOST_CHECK(apdu::from_hex("").value().empty());
}

BOOST_AUTO_TEST_CASE(hex_names_the_offset_of_what_it_refuses) {
    BOOST_TEST(apdu::from_hex("00G0").error().message.find("offset 2") != std::string::npos);
    BOOST_TEST(apdu::from_hex("000").error().message.find("offset 2") != std::string::npos);
    BOOST_TEST(apdu::from_hex("0 0").error().message.find("offset 0") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
