// Power, reset, protocols and commands through the driver.
#include "harness/ifd/packets.h"
#include "tests/harness/ifd_driver.h"

#include <stdexcept>

#include <PCSC/reader.h>

#include <boost/test/unit_test.hpp>

namespace {

using namespace cardrig::harness;
using cardrig::harness::testing::DriverRig;
using cardrig::harness::testing::ScriptedCard;

Bytes bytes(std::size_t count) {
    Bytes made(count);
    for (std::size_t i = 0; i < count; ++i) {
        made[i] = static_cast<std::uint8_t>(i * 7);
    }
    return made;
}

Answer no_answer(NoAnswer why) {
    return tl::make_unexpected(why);
}

/// A reader with one card in it from the start.
struct WithCard {
    ScriptedCard card;
    DriverRig rig{1, [this](ReaderServer& server) { server.reader(0).insert(card); }};
    [[nodiscard]] const testing::DriverReader& driver() const { return rig.driver(); }
};

} // namespace

BOOST_AUTO_TEST_SUITE(ifd_power)

BOOST_AUTO_TEST_CASE(power_up_gives_the_atr_and_power_down_takes_the_power) {
    WithCard with;
    BOOST_TEST(with.driver().presence() == IFD_ICC_PRESENT);
    const auto up = with.driver().power(IFD_POWER_UP);
    BOOST_TEST(up.code == IFD_SUCCESS);
    BOOST_TEST(up.data == (Bytes{0x3B, 0x00}));
    BOOST_TEST(with.driver().power(IFD_POWER_DOWN).code == IFD_SUCCESS);
    with.rig.server.reset();
    BOOST_TEST(with.card.log == "on off ");
}

BOOST_AUTO_TEST_CASE(a_reset_is_a_warm_one_where_there_is_power_and_a_power_up_where_there_is_none) {
    WithCard with;
    BOOST_TEST(with.driver().power(IFD_RESET).data == (Bytes{0x3B, 0x00}));
    BOOST_TEST(with.driver().power(IFD_RESET).data == (Bytes{0x3B, 0x01, 0xAA}));
    with.rig.server.reset();
    BOOST_TEST(with.card.log == "on reset off ");
}

BOOST_AUTO_TEST_CASE(a_card_without_an_atr_is_mute_and_stays_in) {
    WithCard with;
    with.card.current_atr.clear();
    BOOST_TEST(with.driver().power(IFD_POWER_UP).code == IFD_ERROR_POWER_ACTION);
    BOOST_TEST(with.driver().presence() == IFD_ICC_PRESENT);
    BOOST_TEST(with.rig.reader().card() == &with.card);
    with.card.current_atr = {0x3B, 0x00};
    BOOST_TEST(with.driver().power(IFD_RESET).code == IFD_SUCCESS);
}

BOOST_AUTO_TEST_CASE(a_card_that_says_nothing_at_a_warm_reset_is_mute_until_it_is_powered_up) {
    for (const DWORD heal : {IFD_POWER_UP, IFD_RESET}) {
        WithCard with;
        BOOST_TEST(with.driver().power(IFD_POWER_UP).code == IFD_SUCCESS);
        with.card.atr_after_reset.clear();
        BOOST_TEST(with.driver().power(IFD_RESET).code == IFD_ERROR_POWER_ACTION);
        with.card.current_atr = {0x3B, 0x00};
        BOOST_TEST(with.driver().transmit(bytes(5)).code == IFD_COMMUNICATION_ERROR);
        BOOST_TEST(with.driver().power(heal).code == IFD_SUCCESS);
        BOOST_TEST(with.driver().transmit(bytes(5)).code == IFD_SUCCESS);
        with.rig.server.reset();
        BOOST_TEST(with.card.log == "on reset on off ");
    }
}

BOOST_AUTO_TEST_CASE(commands_of_every_length_pass_whole) {
    WithCard with;
    BOOST_TEST(with.driver().power(IFD_POWER_UP).code == IFD_SUCCESS);
    for (const std::size_t length : {0U, 1U, 5U, 261U, 4096U, 65535U, 65536U, 65547U, 65548U}) {
        const auto answer = with.driver().transmit(bytes(length));
        BOOST_TEST(answer.code == IFD_SUCCESS, length << " bytes");
        BOOST_TEST(answer.data == bytes(length), length << " bytes");
    }
    BOOST_TEST(with.driver().transmit(bytes(65549)).code == IFD_COMMUNICATION_ERROR);
    BOOST_TEST(with.driver().transmit(bytes(5)).data == bytes(5));
}

BOOST_AUTO_TEST_CASE(an_answer_that_does_not_fit_is_refused_and_the_next_one_is_right) {
    WithCard with;
    BOOST_TEST(with.driver().power(IFD_POWER_UP).code == IFD_SUCCESS);
    const auto answer = with.driver().transmit(bytes(300), 299);
    BOOST_TEST(answer.code == IFD_ERROR_INSUFFICIENT_BUFFER);
    BOOST_TEST(answer.data.empty());
    BOOST_TEST(with.driver().transmit(bytes(300), 300).data == bytes(300));
}

BOOST_AUTO_TEST_CASE(a_command_to_a_card_without_power_gives_it_power_first) {
    WithCard with;
    BOOST_TEST(with.driver().transmit(bytes(5)).code == IFD_SUCCESS);
    with.rig.server.reset();
    BOOST_TEST(with.card.log == "on off ");
}

BOOST_AUTO_TEST_CASE(a_card_whose_power_was_cut_is_silent_until_it_gets_power_again) {
    for (const DWORD heal : {IFD_POWER_UP, IFD_RESET}) {
        WithCard with;
        BOOST_TEST(with.driver().power(IFD_POWER_UP).code == IFD_SUCCESS);
        with.card.answer = [](ByteView) { return no_answer(NoAnswer::no_power); };
        BOOST_TEST(with.driver().transmit(bytes(5)).code == IFD_COMMUNICATION_ERROR);
        with.card.answer = [](ByteView) { return Bytes{0x90, 0x00}; };
        BOOST_TEST(with.driver().transmit(bytes(5)).code == IFD_COMMUNICATION_ERROR);
        BOOST_TEST(with.driver().presence() == IFD_ICC_PRESENT);
        BOOST_TEST(with.driver().power(heal).code == IFD_SUCCESS);
        BOOST_TEST(with.driver().transmit(bytes(5)).data == (Bytes{0x90, 0x00}));
        with.rig.server.reset();
        BOOST_TEST(with.card.log == "on on off ");
    }
}

BOOST_AUTO_TEST_CASE(a_card_that_leaves_in_a_command_is_out_and_the_command_says_so) {
    WithCard with;
    const testing::PollingThread pcscd(with.driver());
    with.rig.settle();
    with.card.answer = [](ByteView) { return no_answer(NoAnswer::removed); };
    BOOST_TEST(with.driver().transmit(bytes(5)).code == IFD_ICC_NOT_PRESENT);
    BOOST_TEST(with.rig.reader().card() == nullptr);
    with.rig.settle();
    BOOST_TEST(pcscd.seen().back().presence == IFD_ICC_NOT_PRESENT);
    BOOST_TEST(with.driver().transmit(bytes(5)).code == IFD_ICC_NOT_PRESENT);
    BOOST_TEST(!with.rig.reader().error());
}

BOOST_AUTO_TEST_CASE(a_card_that_throws_is_taken_out_and_the_exception_kept) {
    WithCard with;
    const testing::PollingThread pcscd(with.driver());
    with.rig.settle();
    with.card.answer = [](ByteView) -> Answer { throw std::runtime_error("out of order"); };
    BOOST_TEST(with.driver().transmit(bytes(5)).code == IFD_ICC_NOT_PRESENT);
    with.rig.settle();
    BOOST_TEST(pcscd.seen().back().presence == IFD_ICC_NOT_PRESENT);
    BOOST_REQUIRE(with.rig.reader().error());
    BOOST_CHECK_EXCEPTION(std::rethrow_exception(with.rig.reader().error()), std::runtime_error,
                          [](const auto& error) { return std::string(error.what()) == "out of order"; });
}

BOOST_AUTO_TEST_CASE(an_answer_longer_than_any_apdu_is_the_cards_error) {
    WithCard with;
    with.card.answer = [](ByteView) { return bytes(ifd::most_apdu_bytes + 1); };
    BOOST_TEST(with.driver().transmit(bytes(5)).code == IFD_ICC_NOT_PRESENT);
    BOOST_CHECK_THROW(std::rethrow_exception(with.rig.reader().error()), std::length_error);
}

BOOST_AUTO_TEST_CASE(protocols_are_those_of_the_atr) {
    struct Case {
        Bytes atr;
        bool t0;
        bool t1;
    };
    for (const Case& one : {Case{{0x3B, 0x00}, true, false}, Case{{0x3B, 0x80, 0x01, 0x81}, false, true},
                            Case{{0x3B, 0x80, 0x80, 0x01, 0x01}, true, true},
                            // a TA2 says that there is nothing to choose
                            Case{{0x3B, 0x80, 0x91, 0x01, 0x01, 0x00}, false, true},
                            Case{{0x3B, 0x90, 0x11, 0x10, 0x00}, true, false}}) {
        WithCard with;
        with.card.current_atr = one.atr;
        BOOST_TEST(with.driver().power(IFD_POWER_UP).code == IFD_SUCCESS);
        BOOST_TEST((with.driver().protocol(SCARD_PROTOCOL_T0) == IFD_SUCCESS) == one.t0);
        BOOST_TEST((with.driver().protocol(SCARD_PROTOCOL_T1) == IFD_SUCCESS) == one.t1);
        BOOST_TEST(with.driver().protocol(SCARD_PROTOCOL_RAW) == IFD_PROTOCOL_NOT_SUPPORTED);
    }
}

BOOST_AUTO_TEST_CASE(a_protocol_for_a_card_without_power_gives_it_power_first) {
    WithCard with;
    BOOST_TEST(with.driver().protocol(SCARD_PROTOCOL_T0) == IFD_SUCCESS);
    BOOST_TEST(with.driver().power(IFD_POWER_DOWN).code == IFD_SUCCESS);
    BOOST_TEST(with.driver().protocol(SCARD_PROTOCOL_T1) == IFD_PROTOCOL_NOT_SUPPORTED);
    with.rig.server.reset();
    BOOST_TEST(with.card.log == "on off on off ");
}

BOOST_AUTO_TEST_CASE(the_reader_tells_what_it_is) {
    WithCard with;
    const auto& driver = with.driver();
    BOOST_TEST(driver.capability(TAG_IFD_THREAD_SAFE).data == Bytes{1});
    BOOST_TEST(driver.capability(TAG_IFD_SLOT_THREAD_SAFE).data == Bytes{1});
    BOOST_TEST(driver.capability(TAG_IFD_SLOTS_NUMBER).data == Bytes{1});
    BOOST_TEST(driver.capability(TAG_IFD_SIMULTANEOUS_ACCESS).data == Bytes{16});
    BOOST_TEST(driver.capability(TAG_IFD_POLLING_THREAD_KILLABLE).code == IFD_ERROR_TAG);
    BOOST_TEST(driver.capability(SCARD_ATTR_ICC_PRESENCE).data == Bytes{2});
    BOOST_TEST(driver.capability(SCARD_ATTR_ICC_INTERFACE_STATUS).data == Bytes{0});
    BOOST_TEST(driver.power(IFD_POWER_UP).code == IFD_SUCCESS);
    BOOST_TEST(driver.capability(SCARD_ATTR_ICC_INTERFACE_STATUS).data == Bytes{1});
    BOOST_TEST(driver.capability(SCARD_ATTR_ATR_STRING).data == (Bytes{0x3B, 0x00}));
    BOOST_TEST(driver.capability(SCARD_ATTR_VENDOR_NAME).data ==
               (Bytes{'c', 'a', 'r', 'd', 'r', 'i', 'g', 0}));
    BOOST_TEST(driver.capability(SCARD_ATTR_VENDOR_NAME, 3).code == IFD_ERROR_INSUFFICIENT_BUFFER);
    BOOST_TEST(driver.capability(SCARD_ATTR_VENDOR_IFD_VERSION).data.size() == 4U);
    BOOST_TEST(driver.capability(SCARD_ATTR_MAXINPUT).data.size() == 4U);
    BOOST_TEST(driver.capability(0x12345678).code == IFD_ERROR_TAG);
}

BOOST_AUTO_TEST_CASE(a_reader_whose_card_is_gone_has_no_atr) {
    for (const bool pulled_out : {false, true}) {
        WithCard with;
        const testing::PollingThread pcscd(with.driver());
        with.rig.settle();
        BOOST_TEST(with.driver().capability(SCARD_ATTR_ATR_STRING).data == (Bytes{0x3B, 0x00}));
        if (pulled_out) {
            with.rig.reader().unplug();
        } else {
            with.rig.reader().remove();
        }
        with.rig.settle();
        BOOST_TEST(with.driver().capability(SCARD_ATTR_ATR_STRING).data.empty());
        BOOST_TEST(with.driver().capability(SCARD_ATTR_ICC_PRESENCE).data == Bytes{0});
        BOOST_TEST(with.driver().capability(SCARD_ATTR_ICC_INTERFACE_STATUS).data == Bytes{0});
        BOOST_TEST(with.driver().protocol(SCARD_PROTOCOL_T0) == IFD_COMMUNICATION_ERROR);
        with.rig.reader().plug();
        with.rig.reader().insert(with.card);
        with.rig.settle();
        BOOST_TEST(with.driver().capability(SCARD_ATTR_ATR_STRING).data == (Bytes{0x3B, 0x00}));
    }
}

BOOST_AUTO_TEST_CASE(part_10_offers_properties_and_no_pin_pad) {
    WithCard with;
    const auto features = with.driver().control(CM_IOCTL_GET_FEATURE_REQUEST);
    BOOST_TEST(features.code == IFD_SUCCESS);
    BOOST_REQUIRE(features.data.size() == 6U);
    BOOST_TEST(int{features.data[0]} == FEATURE_GET_TLV_PROPERTIES);
    DWORD code = 0;
    for (std::size_t i = 2; i < 6; ++i) {
        code = code << 8U | features.data[i];
    }
    const Bytes properties = with.driver().control(code).data;
    std::size_t longest = 0;
    for (std::size_t at = 0; at + 2 <= properties.size(); at += 2U + properties[at + 1]) {
        if (properties[at] == PCSCv2_PART10_PROPERTY_dwMaxAPDUDataSize) {
            for (std::size_t i = properties[at + 1]; i-- > 0;) {
                longest = longest << 8U | properties[at + 2 + i];
            }
        }
    }
    BOOST_TEST(longest == 65536U);
    BOOST_TEST(with.driver().control(code, 3).code == IFD_ERROR_INSUFFICIENT_BUFFER);
    BOOST_TEST(with.driver().control(SCARD_CTL_CODE(1)).code == IFD_ERROR_NOT_SUPPORTED);
}

BOOST_AUTO_TEST_SUITE_END()
