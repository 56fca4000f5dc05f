// VERIFY, CHANGE REFERENCE DATA and RESET RETRY COUNTER over all parameters and all numbers of tries (SP
// 800-73-4 part 2, 3.2.1 to 3.2.3). What they do one after the other is in piv_passcode_test.cpp.
#include "tests/emulator/piv_card.h"

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <string>

namespace test = cardrig::tests;
using cardrig::apdu::Bytes;
using cardrig::apdu::CommandApdu;
using test::block;
using test::hex;
using test::PivCard;

namespace {

const Bytes one_code = hex(block("999999"));
const Bytes two_codes = hex(block("999999") + block("888888"));

/// Every P1 and every P2 in turn, on a card whose tries nothing of this may cost.
template <class Expected>
void check_parameters(std::uint8_t instruction, const Bytes& data, const Expected& expected) {
    PivCard card;
    for (unsigned p1 = 0; p1 <= 0xFF; ++p1) {
        for (unsigned p2 = 0; p2 <= 0xFF; ++p2) {
            const int status = expected(p1, p2);
            if (status == 0) {
                continue; // a parameter that there is
            }
            const CommandApdu command(0x00, instruction, static_cast<std::uint8_t>(p1),
                                      static_cast<std::uint8_t>(p2), data);
            const auto answer = card.send(command).status.value();
            if (answer != status) { // 65,536 checks that hold would fill a log
                BOOST_ERROR("P1 " << p1 << " P2 " << p2 << ": " << answer << " instead of " << status);
            }
        }
    }
    BOOST_TEST(card.status("00200080") == 0x63C3);
    BOOST_TEST(card.status("002C008010" + block("wrong") + block("123456")) == 0x63C2);
}

} // namespace

BOOST_AUTO_TEST_SUITE(piv_conformance_codes)

BOOST_AUTO_TEST_CASE(verify_knows_two_p1_and_one_p2) {
    check_parameters(0x20, one_code, [](unsigned p1, unsigned p2) {
        if (p1 != 0x00 && p1 != 0xFF) {
            return 0x6A86;
        }
        return p2 == 0x80 ? 0 : 0x6A88;
    });
}

BOOST_AUTO_TEST_CASE(change_reference_data_knows_one_p1_and_two_p2) {
    check_parameters(0x24, two_codes, [](unsigned p1, unsigned p2) {
        if (p1 != 0x00) {
            return 0x6A86;
        }
        return p2 == 0x80 || p2 == 0x81 ? 0 : 0x6A88;
    });
}

BOOST_AUTO_TEST_CASE(reset_retry_counter_knows_one_p1_and_one_p2) {
    check_parameters(0x2C, two_codes, [](unsigned p1, unsigned p2) {
        if (p1 != 0x00) {
            return 0x6A86;
        }
        return p2 == 0x80 ? 0 : 0x6A88;
    });
}

BOOST_AUTO_TEST_CASE(every_length_but_the_right_one_is_refused_and_costs_nothing) {
    PivCard card;
    for (std::size_t size = 0; size <= 255; ++size) {
        const Bytes data(size, 0x39);
        BOOST_TEST_CONTEXT(size) {
            if (size != 0 && size != 8) {
                BOOST_TEST(card.send(CommandApdu(0x00, 0x20, 0x00, 0x80, data)).status.value() == 0x6A80);
            }
            if (size != 16) {
                for (const unsigned p2 : {0x80U, 0x81U}) {
                    const CommandApdu change(0x00, 0x24, 0x00, static_cast<std::uint8_t>(p2), data);
                    BOOST_TEST(card.send(change).status.value() == 0x6A80);
                }
                BOOST_TEST(card.send(CommandApdu(0x00, 0x2C, 0x00, 0x80, data)).status.value() == 0x6A80);
            }
        }
    }
    BOOST_TEST(card.status("00200080") == 0x63C3);
    BOOST_TEST(card.status("002C008010" + block("wrong") + block("123456")) == 0x63C2);
}

// 63C(N-1) to 63C0, then 6983, also with the right passcode; a right one before that gives all N back.
BOOST_AUTO_TEST_CASE(the_tries_count_down_from_any_limit) {
    for (std::uint8_t limit = 1; limit <= 15; ++limit) {
        test::Setup setup;
        setup.config.piv.passcode.tries = limit;
        setup.config.piv.unblocking_code.tries = limit;
        PivCard card(setup);
        BOOST_TEST_CONTEXT(unsigned{limit} << " tries") {
            for (const bool get_it_right : {true, false}) {
                for (int left = limit - 1; left >= (get_it_right ? 1 : 0); --left) {
                    BOOST_TEST(card.verify("999999") == 0x63C0 + left);
                    BOOST_TEST(card.status("00200080") == (left == 0 ? 0x6983 : 0x63C0 + left));
                }
                if (get_it_right) {
                    BOOST_TEST(card.verify() == 0x9000);
                }
            }
            BOOST_TEST(card.verify() == 0x6983);
            BOOST_TEST(card.status("0024008010" + block("123456") + block("654321")) == 0x6983);
            for (int left = limit - 1; left >= 0; --left) {
                BOOST_TEST(card.status("002C008010" + block("wrong") + block("123456")) == 0x63C0 + left);
            }
            BOOST_TEST(card.status("002C008010" + block("12345678") + block("123456")) == 0x6983);
            BOOST_TEST(card.status("0024008110" + block("12345678") + block("12345678")) == 0x6983);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
