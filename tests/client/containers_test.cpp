#include "scenarios/clients/reference/containers.h"

#include "apdu/ber_tlv.h"

#include <string_view>

#include <boost/test/unit_test.hpp>
#include <zlib.h>

namespace apdu = cardrig::apdu;
namespace client = cardrig::client;
using apdu::Bytes;

namespace {

Bytes hex(std::string_view text) {
    return apdu::from_hex(text).value();
}

Bytes gzipped(const Bytes& bytes) {
    z_stream stream{};
    BOOST_REQUIRE(deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) ==
                  Z_OK);
    Bytes out(deflateBound(&stream, bytes.size()));
    stream.next_in = const_cast<Bytef*>(bytes.data());
    stream.avail_in = static_cast<uInt>(bytes.size());
    stream.next_out = out.data();
    stream.avail_out = static_cast<uInt>(out.size());
    BOOST_REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

Bytes packed(const Bytes& certificate) {
    Bytes content = apdu::make_tlv(0x70, gzipped(certificate));
    apdu::append_tlv(content, 0x71, Bytes{0x01});
    apdu::append_tlv(content, 0xFE, {});
    return content;
}

} // namespace

BOOST_AUTO_TEST_SUITE(containers)

// SP 800-73-4 part 1, appendix A, table 10.
BOOST_AUTO_TEST_CASE(a_certificate_stands_in_70_with_71_and_fe_behind_it) {
    BOOST_TEST(apdu::to_hex(client::certificate_container(hex("3003020105"))) == "70053003020105710100FE00");
    BOOST_TEST((client::certificate_in(hex("70053003020105710100FE00")) == hex("3003020105")));
    BOOST_TEST((client::certificate_in(hex("70053003020105")) == hex("3003020105")));
}

BOOST_AUTO_TEST_CASE(a_packed_certificate_is_inflated) {
    const Bytes certificate(1200, 0x5A);
    BOOST_TEST((client::certificate_in(packed(certificate)) == certificate));
}

BOOST_AUTO_TEST_CASE(what_is_no_whole_gzip_stream_is_no_certificate) {
    Bytes cut = gzipped(Bytes(1200, 0x5A));
    cut.resize(cut.size() - 9);
    Bytes content = apdu::make_tlv(0x70, cut);
    apdu::append_tlv(content, 0x71, Bytes{0x01});
    BOOST_TEST(!client::certificate_in(content).has_value());
    BOOST_TEST(!client::certificate_in(hex("70053003020105710101FE00")).has_value());
}

BOOST_AUTO_TEST_CASE(what_inflates_without_end_is_refused) {
    BOOST_TEST(!client::certificate_in(packed(Bytes(100'000, 0))).has_value());
}

BOOST_AUTO_TEST_CASE(torn_and_empty_objects_hold_no_certificate) {
    for (const std::string_view content : {"", "7000", "7005300302", "710100", "FFFFFFFF", "7080"}) {
        BOOST_TEST(!client::certificate_in(hex(content)).has_value(), "'" << content << "'");
    }
}

BOOST_AUTO_TEST_CASE(the_guid_of_a_chuid_is_sixteen_bytes) {
    const Bytes chuid =
        hex("3019D4E739DA739CED39CE739D836858210842108421C84210C3EB3410F2D0CCE8A9BE4EBF8B24D71D25DE38"
            "2D350832303331313132303E00FE00");
    BOOST_TEST(client::guid_in(chuid).value() == "F2D0CCE8A9BE4EBF8B24D71D25DE382D");
    BOOST_TEST(!client::guid_in(hex("340FF2D0CCE8A9BE4EBF8B24D71D25DE38")).has_value());
    BOOST_TEST(!client::guid_in(hex("3E00FE00")).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
