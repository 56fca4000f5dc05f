#include "apdu/response_apdu.h"

#include <boost/test/unit_test.hpp>

namespace apdu = cardrig::apdu;

BOOST_AUTO_TEST_SUITE(response_apdu)

BOOST_AUTO_TEST_CASE(a_status_word_alone_is_a_response) {
    const auto response = apdu::ResponseApdu::parse(apdu::Bytes{0x6A, 0x82}).value();
    BOOST_TEST(response.data.empty());
    BOOST_CHECK(response.status == apdu::sw::file_or_application_not_found);
    BOOST_TEST(apdu::to_hex(response.encode()) == "6A82");
}

BOOST_AUTO_TEST_CASE(the_last_two_bytes_are_the_status_word) {
    const auto response = apdu::ResponseApdu::parse(apdu::Bytes{0x01, 0x90, 0x00, 0x61, 0x10}).value();
    BOOST_TEST(apdu::to_hex(response.data) == "019000");
    BOOST_TEST(response.status.value() == 0x6110);
    BOOST_TEST(apdu::to_hex(response.encode()) == "0190006110");
}

BOOST_AUTO_TEST_CASE(fewer_than_two_bytes_are_no_response) {
    BOOST_TEST(!apdu::ResponseApdu::parse({}).has_value());
    const auto one = apdu::ResponseApdu::parse(apdu::Bytes{0x90});
    BOOST_REQUIRE(!one.has_value());
    BOOST_TEST(one.error().message.find("1 byte") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_buffer_that_is_used_again_keeps_its_room_and_nothing_else) {
    apdu::Bytes buffer;
    apdu::ResponseApdu(apdu::Bytes(300, 0x5A), apdu::sw::bytes_available(16)).encode_into(buffer);
    BOOST_TEST(buffer.size() == 302);
    const auto* const room = buffer.data();
    apdu::ResponseApdu(apdu::Bytes{0x01, 0x02}).encode_into(buffer);
    BOOST_TEST(apdu::to_hex(buffer) == "01029000");
    apdu::ResponseApdu(apdu::sw::file_or_application_not_found).encode_into(buffer);
    BOOST_TEST(apdu::to_hex(buffer) == "6A82");
    BOOST_TEST(buffer.data() == room);
}

BOOST_AUTO_TEST_CASE(a_response_reads_what_it_writes_at_every_size) {
    for (const std::size_t size : {0U, 1U, 255U, 256U, 257U, 65535U, 65536U, 70000U}) {
        const apdu::ResponseApdu response(apdu::Bytes(size, 0x5A), apdu::sw::success);
        BOOST_TEST(response.encode().size() == size + 2);
        BOOST_CHECK(apdu::ResponseApdu::parse(response.encode()).value() == response);
    }
}

BOOST_AUTO_TEST_SUITE_END()
