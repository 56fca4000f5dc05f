#include "scenarios/clients/reference/containers.h"

#include "apdu/ber_tlv.h"

#include <string>
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

// What a token with firmware 5.7 answers of a key on P-256, by its maker's description.
BOOST_AUTO_TEST_CASE(what_a_token_tells_of_a_key_is_read) {
    const Bytes answer = hex("01 01 11 02 02 03 01 03 01 01 04 05 86 03 04 AA BB");
    const auto key = client::metadata_in(answer);
    BOOST_REQUIRE(key.has_value());
    BOOST_TEST(key->algorithm == 0x11);
    BOOST_TEST(key->passcode_policy == 3);
    BOOST_TEST(key->generated);
    BOOST_TEST(apdu::to_hex(key->public_key) == "7F4905860304AABB");
    BOOST_TEST(!client::metadata_in(hex("01 01 11 02 02 03 01 03 01 02 04 05 86 03 04 AA BB"))->generated);
}

BOOST_AUTO_TEST_CASE(what_is_told_of_no_key_pair_is_nothing) {
    BOOST_TEST(!client::metadata_in(hex("01 01 FF 05 01 00 06 02 03 03")).has_value()); // of the passcode
    BOOST_TEST(!client::metadata_in(hex("01 00 02 02 03 01 03 01 01 04 00")).has_value());
    BOOST_TEST(!client::metadata_in(hex("01 01 11 02 02 03")).has_value());
    BOOST_TEST(!client::metadata_in({}).has_value());
}

BOOST_AUTO_TEST_CASE(a_note_is_read_as_it_was_written) {
    const client::WorkNote note{"renewal-7",
                                {0x82, 0x95, 0x84},
                                {std::string(64, 'A'), std::string(64, 'B')},
                                {std::string(64, 'C')}};
    BOOST_TEST((client::work_note_in(client::work_note_container(note)) == note));
    const client::WorkNote begun{"renewal-7", {0x82, 0x95, 0x84}, {}, {}};
    BOOST_TEST((client::work_note_in(client::work_note_container(begun)) == begun));
}

BOOST_AUTO_TEST_CASE(a_key_of_a_kind_that_has_no_short_name_is_not_noted) {
    const client::WorkNote note{"7", {0x82, 0x83, 0x84}, {"7F49AA"}, {}};
    BOOST_TEST(client::work_note_in(client::work_note_container(note))->old_keys.empty());
}

BOOST_AUTO_TEST_CASE(half_a_key_in_a_note_makes_it_none) {
    BOOST_TEST(!client::work_note_in(hex("80 01 31 81 03 82 83 84 82 02 AA BB")).has_value());
    BOOST_TEST(!client::work_note_in(hex("80 01 31 81 03 82 83 84 82 00 83 01 AA")).has_value());
}

BOOST_AUTO_TEST_CASE(a_note_that_names_other_slots_than_three_for_retired_keys_is_none) {
    for (const char* const slots : {"81 03 82 83 9A", "81 03 81 83 84", "81 03 82 83 96", "81 03 82 83 82",
                                    "81 02 82 83", "81 04 82 83 84 85", ""}) {
        BOOST_TEST(!client::work_note_in(hex(std::string("80 01 31") + slots)).has_value(), slots);
    }
    BOOST_TEST(!client::work_note_in(hex("81 03 82 83 84")).has_value());
    BOOST_TEST(client::work_note_in(hex("80 01 31 81 03 82 83 84")).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
