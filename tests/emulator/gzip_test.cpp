#include "emulator/gzip.h"

#include <string>
#include <string_view>

#include <boost/test/unit_test.hpp>
#include <zlib.h>

namespace apdu = cardrig::apdu;
using cardrig::emulator::Bytes;
using cardrig::emulator::ByteView;
using cardrig::emulator::gunzip;

namespace {

constexpr std::string_view text = "a card, a card, a card";

/// The text after gzip -n.
Bytes sample() {
    return apdu::from_hex("1F8B08000000000000034B54484E2C4AD1514844A1017852066916000000").value();
}

/// As gzip does it: so many zeros.
Bytes zeros(std::size_t count) {
    z_stream stream{};
    BOOST_REQUIRE(
        deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    Bytes in(count);
    Bytes out(count / 100 + 100);
    stream.next_in = in.data();
    stream.avail_in = static_cast<uInt>(in.size());
    stream.next_out = out.data();
    stream.avail_out = static_cast<uInt>(out.size());
    BOOST_REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(gzip)

BOOST_AUTO_TEST_CASE(what_gzip_wrote_is_read) {
    const auto content = gunzip(sample(), 100);
    BOOST_REQUIRE(content.has_value());
    BOOST_TEST(std::string(content->begin(), content->end()) == text);
    BOOST_CHECK(gunzip(zeros(0), 0) == Bytes{});
}

BOOST_AUTO_TEST_CASE(what_is_cut_short_or_followed_by_more_is_refused) {
    const Bytes whole = sample();
    for (std::size_t length = 0; length < whole.size(); ++length) {
        BOOST_TEST(!gunzip(ByteView(whole).first(length), 100), length);
    }
    Bytes longer = whole;
    longer.push_back(0);
    BOOST_TEST(!gunzip(longer, 100));
    Bytes twice = whole;
    twice.insert(twice.end(), whole.begin(), whole.end());
    BOOST_TEST(!gunzip(twice, 100));
    // Without gzip's header, the same is a zlib stream (RFC 1950) or nothing.
    BOOST_TEST(!gunzip(apdu::from_hex("789C030000000001").value(), 100));
}

BOOST_AUTO_TEST_CASE(a_change_of_the_content_is_seen_by_its_checksum) {
    const Bytes whole = sample();
    constexpr std::size_t header = 10; // RFC 1952, 2.3: date and system are not protected
    for (std::size_t i = header; i < whole.size(); ++i) {
        Bytes damaged = whole;
        damaged[i] ^= 0x01U;
        BOOST_TEST(!gunzip(damaged, 100), i);
    }
}

BOOST_AUTO_TEST_CASE(no_more_than_the_limit_is_inflated) {
    BOOST_TEST(gunzip(sample(), text.size()).has_value());
    BOOST_TEST(!gunzip(sample(), text.size() - 1));
    BOOST_TEST(gunzip(zeros(65'536), 65'536).has_value());
    BOOST_TEST(!gunzip(zeros(65'537), 65'536));
    BOOST_TEST(!gunzip(zeros(50'000'000), 65'536));
}

BOOST_AUTO_TEST_SUITE_END()
