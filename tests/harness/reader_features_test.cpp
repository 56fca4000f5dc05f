// What a reader tells of itself and lets through, on both kinds: protocols, lengths, properties, attributes.
#include "harness/rig.h"
#include "tests/harness/gated_card.h"
#include "tests/harness/pcsc.h"
#include "tests/harness/reader_kinds.h"
#include "tests/harness/scripted_card.h"
#include "tests/harness/test_card.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <reader.h>

using namespace cardrig::test;
using cardrig::apdu::Bytes;
using cardrig::harness::ReaderKind;
using cardrig::harness::Rig;
namespace harness = cardrig::harness;

namespace {

/// Values by tag, of a tag's byte, a length's byte and so many bytes each.
std::map<int, Bytes> by_tag(const Bytes& list) {
    std::map<int, Bytes> values;
    for (std::size_t i = 0; i + 2 <= list.size();) {
        const std::size_t length = std::min<std::size_t>(list[i + 1], list.size() - i - 2);
        const cardrig::apdu::ByteView value = cardrig::apdu::ByteView(list).subspan(i + 2, length);
        values.emplace(list[i], Bytes(value.begin(), value.end()));
        i += 2 + length;
    }
    return values;
}

DWORD big_endian(const Bytes& bytes) {
    DWORD number = 0;
    for (const std::uint8_t byte : bytes) {
        number = number << 8U | byte;
    }
    return number;
}

struct Protocols {
    const char* atr;
    const char* with_t0; ///< what a client gets that wants T=0 and nothing else
    const char* with_t1;
    DWORD chosen; ///< for one that takes either
};

const std::vector<Protocols> atrs{
    {"3B00", "ok", "E_PROTO_MISMATCH", SCARD_PROTOCOL_T0},
    {"3B800181", "E_PROTO_MISMATCH", "ok", SCARD_PROTOCOL_T1},
    {"3B80800101", "ok", "ok", SCARD_PROTOCOL_T1},
};

} // namespace

BOOST_AUTO_TEST_SUITE(reader_features)

BOOST_AUTO_TEST_CASE_TEMPLATE(the_protocol_is_one_that_the_atr_offers, On, BothKinds) {
    for (const Protocols& protocols : atrs) {
        GatedCard card(hex(protocols.atr));
        Rig rig({{"", &card}}, of_kind(On::kind));
        const PcscContext context;
        const std::string reader = rig.reader_name(0);
        for (const auto& [wanted, expected] :
             {std::pair<DWORD, const char*>{SCARD_PROTOCOL_T0, protocols.with_t0},
              {SCARD_PROTOCOL_T1, protocols.with_t1}}) {
            PcscCard client;
            BOOST_TEST(result_name(client.connect(context, reader, SCARD_SHARE_SHARED, wanted)) == expected);
            client.disconnect(SCARD_UNPOWER_CARD); // the next one negotiates anew
        }
        PcscCard client;
        BOOST_TEST_REQUIRE(result_name(client.connect(context, reader)) == "ok");
        BOOST_TEST(client.protocol() == protocols.chosen);
        BOOST_TEST(client.transmit(plain_command).status() == "9000");
        Bytes atr;
        BOOST_TEST(result_name(client.status(&atr)) == "ok");
        BOOST_TEST(atr == hex(protocols.atr));
    }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_longest_commands_and_answers_come_through, On, BothKinds) {
    // A header, a three-byte length, 65,535 bytes, a two-byte Le; 65,536 bytes and a status word. vpcd's
    // frames hold 65,535 bytes.
    const std::size_t longest_command = On::kind == ReaderKind::rig ? 65'544 : 65'535;
    const std::size_t longest_answer = On::kind == ReaderKind::rig ? 65'538 : 65'535;
    harness::testing::ScriptedCard card;
    Bytes received;
    card.answer = [&](cardrig::apdu::ByteView command) {
        received.assign(command.begin(), command.end());
        Bytes answer(longest_answer, 0x5A);
        answer[longest_answer - 2] = 0x90;
        answer[longest_answer - 1] = 0x00;
        return answer;
    };
    Rig rig({{"", &card}}, of_kind(On::kind));
    const PcscContext context;
    PcscCard client;
    BOOST_TEST_REQUIRE(result_name(client.connect(context, rig.reader_name(0))) == "ok");
    Bytes command(longest_command);
    for (std::size_t i = 0; i < command.size(); ++i) {
        command[i] = static_cast<std::uint8_t>(i * 7);
    }
    const Transmitted got = client.transmit(command);
    BOOST_TEST(got.status() == "9000");
    BOOST_TEST(got.answer.size() == longest_answer);
    BOOST_TEST((received == command)); // 65,544 bytes are not for printing
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_attributes_are_those_of_card_and_reader, On, BothKinds) {
    GatedCard card;
    Rig rig({{"", &card}}, of_kind(On::kind));
    const PcscContext context;
    PcscCard client;
    BOOST_TEST_REQUIRE(result_name(client.connect(context, rig.reader_name(0))) == "ok");
    Bytes value;
    if (On::kind == ReaderKind::vpcd) { // version 3.3 has none
        BOOST_TEST(result_name(client.attribute(SCARD_ATTR_ATR_STRING, value)) == "E_UNSUPPORTED_FEATURE");
        return;
    }
    BOOST_TEST(result_name(client.attribute(SCARD_ATTR_ATR_STRING, value)) == "ok");
    BOOST_TEST(value == card.atr());
    BOOST_TEST(result_name(client.attribute(SCARD_ATTR_DEVICE_FRIENDLY_NAME_A, value)) == "ok");
    BOOST_TEST(std::string(value.begin(), value.end()).starts_with(rig.reader_name(0)));
    BOOST_TEST(result_name(client.attribute(SCARD_ATTR_VENDOR_NAME, value)) == "ok");
    BOOST_TEST(!value.empty());
    constexpr DWORD none = 0x7FFFFFFF;
    BOOST_TEST(result_name(client.attribute(none, value)) != "ok");
}

BOOST_AUTO_TEST_CASE(the_reader_tells_its_properties_by_part_10) {
    GatedCard card;
    Rig rig({{"", &card}}, of_kind(ReaderKind::rig));
    const PcscContext context;
    PcscCard client;
    BOOST_TEST_REQUIRE(result_name(client.connect(context, rig.reader_name(0))) == "ok");
    Bytes features;
    BOOST_TEST_REQUIRE(result_name(client.control(CM_IOCTL_GET_FEATURE_REQUEST, {}, features)) == "ok");
    const std::map<int, Bytes> codes = by_tag(features);
    BOOST_TEST(!codes.contains(FEATURE_VERIFY_PIN_DIRECT)); // no keypad: passcodes come from the host
    BOOST_TEST_REQUIRE(codes.contains(FEATURE_GET_TLV_PROPERTIES));
    Bytes properties;
    BOOST_TEST_REQUIRE(result_name(client.control(big_endian(codes.at(FEATURE_GET_TLV_PROPERTIES)), {},
                                                  properties)) == "ok");
    const std::map<int, Bytes> by_property = by_tag(properties);
    BOOST_TEST_REQUIRE(by_property.contains(PCSCv2_PART10_PROPERTY_dwMaxAPDUDataSize));
    Bytes size = by_property.at(PCSCv2_PART10_PROPERTY_dwMaxAPDUDataSize);
    std::ranges::reverse(size); // little-endian, unlike the control codes
    BOOST_TEST(big_endian(size) >= 65'535U);
}

BOOST_AUTO_TEST_CASE(vpcd_has_no_properties) {
    GatedCard card;
    Rig rig({{"", &card}}, of_kind(ReaderKind::vpcd));
    const PcscContext context;
    PcscCard client;
    BOOST_TEST_REQUIRE(result_name(client.connect(context, rig.reader_name(0))) == "ok");
    Bytes features;
    const std::string result = result_name(client.control(CM_IOCTL_GET_FEATURE_REQUEST, {}, features));
    BOOST_TEST((result != "ok" || !by_tag(features).contains(FEATURE_GET_TLV_PROPERTIES)),
               result << " " << cardrig::apdu::to_hex(features));
}

BOOST_AUTO_TEST_SUITE_END()
