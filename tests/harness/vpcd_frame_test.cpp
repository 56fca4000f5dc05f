#include "harness/vpcd_frame.h"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(vpcd_frame)

using namespace cardrig::harness;
using cardrig::apdu::Bytes;

BOOST_AUTO_TEST_CASE(only_four_lone_bytes_are_control_requests) {
    for (unsigned value = 0; value < 256; ++value) {
        const Bytes payload{static_cast<std::uint8_t>(value)};
        const VpcdRequest expected = value == 0   ? VpcdRequest::power_off
                                     : value == 1 ? VpcdRequest::power_on
                                     : value == 2 ? VpcdRequest::reset
                                     : value == 4 ? VpcdRequest::atr
                                                  : VpcdRequest::command;
        BOOST_TEST((vpcd_request(payload) == expected), "byte " << value);
    }
    BOOST_TEST((vpcd_request(Bytes{}) == VpcdRequest::command));
    BOOST_TEST((vpcd_request(Bytes{0, 0xA4, 4, 0}) == VpcdRequest::command));
}

BOOST_AUTO_TEST_CASE(a_stream_gives_the_same_payloads_however_it_is_cut) {
    const Bytes stream{0, 1, 4, 0, 0, 0, 4, 0, 0xA4, 4, 0, 0, 1, 2};
    const std::vector<Bytes> expected{{4}, {}, {0, 0xA4, 4, 0}, {2}};
    for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
        VpcdFrameReader reader;
        std::vector<Bytes> got;
        for (std::size_t at = 0; at < stream.size(); at += piece) {
            const std::size_t count = std::min(piece, stream.size() - at);
            reader.append(cardrig::apdu::ByteView(stream).subspan(at, count));
            while (const auto payload = reader.next()) {
                got.push_back(*payload);
            }
        }
        BOOST_TEST((got == expected), "pieces of " << piece);
    }
}

BOOST_AUTO_TEST_CASE(the_longest_payload_passes) {
    const auto header = vpcd_header(vpcd_max_payload);
    BOOST_TEST(header[0] == 0xFF);
    BOOST_TEST(header[1] == 0xFF);
    VpcdFrameReader reader;
    reader.append(header);
    reader.append(Bytes(vpcd_max_payload - 1, 0x5A));
    BOOST_TEST(!reader.next().has_value());
    reader.append(Bytes{0xA5});
    const auto payload = reader.next();
    BOOST_REQUIRE(payload.has_value());
    BOOST_TEST(payload->size() == vpcd_max_payload);
    BOOST_TEST(payload->back() == 0xA5);
    BOOST_TEST(!reader.next().has_value());
}

BOOST_AUTO_TEST_SUITE_END()
