// One table for each command: what is answered with which status word. Which refusal comes first where
// several would do, is in piv_check_order_test.cpp.
#include "tests/emulator/piv_table.h"

#include <boost/test/unit_test.hpp>

#include <string>

namespace test = cardrig::tests;
using test::Before;
using test::Table;

namespace {

const std::string right = test::block("123456");
const std::string wrong = test::block("999999");
const std::string unblocking = test::block("12345678");
const std::string other = test::block("87654321");
const std::string digest(64, '5');

} // namespace

BOOST_AUTO_TEST_SUITE(piv_status_words)

BOOST_AUTO_TEST_CASE(get_data) {
    Table().check({
        {Before::nothing, "00CB3FFF035C017E00", 0x9000},
        {Before::nothing, "00CB3FFF055C035FC10C", 0x9000},
        {Before::nothing, "0CCB3FFF055C035FC102", 0x6882},
        {Before::nothing, "80CB3FFF055C035FC102", 0x6E00},
        {Before::nothing, "00CB3FFE055C035FC102", 0x6A86},
        {Before::nothing, "00CB00FF055C035FC102", 0x6A86},
        {Before::nothing, "00CB3FFF", 0x6A80},
        {Before::nothing, "00CB3FFF055C045FC102", 0x6A80},
        {Before::nothing, "00CB3FFF055D035FC102", 0x6A80},
        {Before::nothing, "00CB3FFF025C00", 0x6A80},
        {Before::nothing, "00CB3FFF055C0300007E", 0x6A80}, // no tag begins with 00
        {Before::nothing, "00CB3FFF065C045FC10201", 0x6A80},
        {Before::nothing, "00CB3FFF075C035FC1025300", 0x6A80},
        {Before::nothing, "00CB3FFF055C035FC102", 0x6A82}, // in the data model, and absent
        {Before::nothing, "00CB3FFF055C035FC105", 0x6A82},
        {Before::nothing, "00CB3FFF055C035FC120", 0x6A82},
        {Before::nothing, "00CB3FFF045C027F61", 0x6A82},
        {Before::nothing, "00CB3FFF055C035FFF00", 0x6A82}, // not in the data model
        {Before::nothing, "00CB3FFF055C035FC103", 0x6982}, // the read rule comes before existence
        {Before::nothing, "00CB3FFF055C035FC108", 0x6982},
        {Before::nothing, "00CB3FFF055C035FC109", 0x6982},
        {Before::nothing, "00CB3FFF055C035FC121", 0x6982},
        {Before::nothing, "00CB3FFF055C035FC123", 0x6982},
        {Before::administrator, "00CB3FFF055C035FC109", 0x6982},
        {Before::passcode_verified, "00CB3FFF055C035FC109", 0x6A82},
        {Before::passcode_verified, "00CB3FFF055C035FC103", 0x6A82},
    });
}

BOOST_AUTO_TEST_CASE(verify) {
    Table().check({
        {Before::nothing, "00200080", 0x63C3},
        {Before::nothing, "0020008000", 0x63C3},
        {Before::passcode_verified, "00200080", 0x9000},
        {Before::passcode_verified, "0020008000", 0x9000},
        {Before::blocked, "00200080", 0x6983},
        {Before::nothing, "0020008008" + right, 0x9000},
        {Before::nothing, "0020008008" + wrong, 0x63C2},
        {Before::passcode_verified, "0020008008" + wrong, 0x63C2},
        {Before::blocked, "0020008008" + right, 0x6983},
        {Before::blocked, "0020008008" + wrong, 0x6983},
        {Before::nothing, "0020008008FFFFFFFFFFFFFFFF", 0x63C2}, // eight bytes of any form are a try
        {Before::nothing, "002000800831323334FFFFFFFF", 0x63C2},
        {Before::nothing, "002000800831323334353600FF", 0x63C2},
        {Before::nothing, "0020008006313233343536", 0x6A80},
        {Before::nothing, "0020008009313233343536FFFFFF", 0x6A80},
        {Before::nothing, "0020018008" + right, 0x6A86},
        {Before::nothing, "0020FE80", 0x6A86},
        {Before::nothing, "00200000", 0x6A88},
        {Before::nothing, "0020000008" + right, 0x6A88},
        {Before::nothing, "00200081", 0x6A88},
        {Before::nothing, "0020008108" + unblocking, 0x6A88},
        {Before::nothing, "00200082", 0x6A88},
        {Before::nothing, "00200096", 0x6A88},
        {Before::nothing, "00200098", 0x6A88},
        {Before::nothing, "002000FF", 0x6A88},
        {Before::nothing, "0020FF80", 0x9000},
        {Before::blocked, "0020FF80", 0x9000},
        {Before::nothing, "0020FF8008" + right, 0x6A80},
        {Before::nothing, "0020FF81", 0x6A88},
    });
}

BOOST_AUTO_TEST_CASE(change_reference_data) {
    const std::string next = test::block("654321");
    Table().check({
        {Before::nothing, "0024008010" + right + next, 0x9000},
        {Before::nothing, "0024008110" + unblocking + other, 0x9000},
        {Before::nothing, "0024008110" + unblocking + "0001020304050607", 0x9000}, // any eight bytes
        {Before::nothing, "0024008110" + unblocking + test::block("123456"), 0x9000},
        {Before::nothing, "0024008010" + wrong + next, 0x63C2},
        {Before::nothing, "0024008110" + other + unblocking, 0x63C2},
        {Before::blocked, "0024008010" + right + next, 0x6983},
        {Before::blocked, "0024008110" + unblocking + other, 0x9000}, // has a counter of its own
        {Before::nothing, "0024018010" + right + next, 0x6A86},
        {Before::nothing, "0024018210" + right + next, 0x6A86},
        {Before::nothing, "0024000010" + right + next, 0x6A88},
        {Before::nothing, "0024008210" + right + next, 0x6A88},
        {Before::nothing, "0024009B10" + right + next, 0x6A88},
        {Before::nothing, "00240080", 0x6A80},
        {Before::nothing, "0024008008" + right, 0x6A80},
        {Before::blocked, "0024008008" + right, 0x6A80},
        {Before::nothing, "0024008010" + right + test::block("12345"), 0x6A80},
        {Before::nothing, "0024008010" + right + test::block("12345a"), 0x6A80},
        {Before::nothing, "0024008010" + right + "3132333435FF36FF", 0x6A80},
        {Before::nothing, "0024008010" + right + "3132333435360000", 0x6A80},
        {Before::nothing, "0024008010" + right + test::block("12345678"), 0x9000},
    });
}

BOOST_AUTO_TEST_CASE(reset_retry_counter) {
    const std::string next = test::block("654321");
    Table().check({
        {Before::nothing, "002C008010" + unblocking + next, 0x9000},
        {Before::blocked, "002C008010" + unblocking + next, 0x9000},
        {Before::nothing, "002C008010" + other + next, 0x63C2},
        {Before::nothing, "002C018010" + unblocking + next, 0x6A86},
        {Before::nothing, "002C018110" + unblocking + next, 0x6A86},
        {Before::nothing, "002C000010" + unblocking + next, 0x6A88},
        {Before::nothing, "002C008110" + unblocking + next, 0x6A88},
        {Before::nothing, "002C0080", 0x6A80},
        {Before::nothing, "002C008008" + unblocking, 0x6A80},
        {Before::nothing, "002C008010" + unblocking + test::block("12345"), 0x6A80},
        {Before::nothing, "002C008010" + other + test::block("12345"), 0x63C2},
    });
}

BOOST_AUTO_TEST_CASE(general_authenticate_with_the_management_key) {
    Table().check({
        {Before::nothing, "0087039B047C028100", 0x9000},
        {Before::nothing, "0087009B047C02810000", 0x9000},
        {Before::nothing, "0087039B047C028000", 0x9000},
        {Before::nothing, "0087089B047C028100", 0x6A86}, // the key is triple DES
        {Before::nothing, "0087079B047C028100", 0x6A86},
        {Before::nothing, "0087FF9B047C028100", 0x6A86},
        {Before::nothing, "0087039F047C028100", 0x6A86},
        {Before::nothing, "0087039A047C028100", 0x6A86},
        {Before::nothing, "00870304047C028100", 0x6A86},
        {Before::nothing, "0087039B", 0x6A80},
        {Before::nothing, "0087039B047B028100", 0x6A80},
        {Before::nothing, "0087039B027C00", 0x6A80},
        {Before::nothing, "0087039B067C0281008100", 0x6A80},
        {Before::nothing, "0087039B047C028300", 0x6A80},
        {Before::nothing, "0087039B047C028101", 0x6A80},
        {Before::nothing, "0087039B047C028200", 0x6A80},
        {Before::nothing, "0087039B0C7C0A82080102030405060708", 0x6985}, // no challenge was asked for
        {Before::nothing, "0087039B167C14800801020304050607088108010203040506070800", 0x6985},
        {Before::nothing, "0087039B0E7C0C820081080102030405060708", 0x9000},
        {Before::nothing, "0087039B0D7C0B8200810701020304050607", 0x6A80},
        {Before::nothing, "0087039B077C058200850101", 0x6A80},
    });
}

BOOST_AUTO_TEST_CASE(general_authenticate_with_a_key_pair) {
    const std::string sign = "267C2482008120" + digest;
    const std::string sign_last = "267C248120" + digest + "8200"; // the order is free
    Table().check({
        {Before::passcode_verified, "0087119A" + sign, 0x9000},
        {Before::passcode_verified, "0087119A" + sign_last, 0x9000},
        {Before::passcode_verified, "0087119C" + sign, 0x9000},
        {Before::nothing, "0087119A" + sign, 0x6982},
        {Before::blocked, "0087119A" + sign, 0x6982},
        {Before::administrator, "0087119A" + sign, 0x6982},
        {Before::passcode_verified, "00871182" + sign, 0x6A86}, // no key there
        {Before::nothing, "0087119E" + sign, 0x6A86},
        {Before::nothing, "0087119F" + sign, 0x6A86},
        {Before::nothing, "0087039A" + sign, 0x6A86},
        {Before::nothing, "0087019A" + sign, 0x6A86},
        {Before::nothing, "0087149A" + sign, 0x6982},
        {Before::passcode_verified, "0087119A027C00", 0x6A80},
        {Before::passcode_verified, "0087119A", 0x6A80},
        {Before::passcode_verified, "0087149A" + sign, 0x6A80}, // not the key's algorithm
        {Before::passcode_verified, "0087079A" + sign, 0x6A80},
        {Before::passcode_verified, "0087119A277C2582008121" + digest + "55", 0x6A80},
        {Before::passcode_verified, "0087119A247C228120" + digest, 0x6A80}, // no response asked for
        {Before::passcode_verified, "0087119A047C028100", 0x6A80},
        {Before::passcode_verified, "0087119A047C028000", 0x6A80},
        {Before::passcode_verified, "0087119A077C058200850104", 0x6A80}, // agreement is for 9D
        {Before::passcode_verified, "0087119D077C058200850104", 0x6A80}, // not on the curve
    });
}

BOOST_AUTO_TEST_CASE(put_data) {
    Table().check({
        {Before::administrator, "00DB3FFF095C035FC10553023000", 0x9000},
        {Before::administrator, "00DB3FFF075C035FC1055300", 0x9000}, // deleting what is not there
        {Before::administrator, "00DB3FFF067F6103020100", 0x9000},
        {Before::nothing, "00DB3FFF095C035FC10553023000", 0x6982},
        {Before::passcode_verified, "00DB3FFF095C035FC10553023000", 0x6982},
        {Before::nothing, "00DB3F00095C035FC10553023000", 0x6A86},
        {Before::administrator, "00DB3F00095C035FC10553023000", 0x6A86},
        {Before::nothing, "00DB3FFF095C035FFF0053023000", 0x6982},
        {Before::administrator, "00DB3FFF", 0x6A80},
        {Before::administrator, "00DB3FFF055C035FC105", 0x6A80},
        {Before::administrator, "00DB3FFF095C03007F6153023000", 0x6A80},
        {Before::administrator, "00DB3FFF095C035FC10553033000", 0x6A80},
        {Before::administrator, "00DB3FFF095C035FC10554023000", 0x6A80},
        {Before::administrator, "00DB3FFF0953025C035FC1053000", 0x6A80},
        {Before::administrator, "00DB3FFF075C017E53023000", 0x6A80}, // discovery comes as it is
        {Before::administrator, "00DB3FFF095C035FFF0053023000", 0x6A81},
        {Before::administrator, "00DB3FFF095C035FC12453023000", 0x6A81},
    });
}

BOOST_AUTO_TEST_CASE(generate_key_pair) {
    Table().check({
        {Before::administrator, "0047009A05AC03800111", 0x9000},
        {Before::administrator, "0047008205AC03800111", 0x9000},
        {Before::administrator, "0047009505AC0380011100", 0x9000},
        {Before::nothing, "0047009A05AC03800111", 0x6982},
        {Before::passcode_verified, "0047009A05AC03800111", 0x6982},
        {Before::nothing, "0047009B05AC03800111", 0x6A86},
        {Before::nothing, "0047019A05AC03800111", 0x6A86},
        {Before::nothing, "0047008105AC03800111", 0x6A86},
        {Before::nothing, "0047009605AC03800111", 0x6A86},
        {Before::nothing, "0047000405AC03800111", 0x6A86},
        {Before::administrator, "0047009A", 0x6A80},
        {Before::administrator, "0047009A02AC00", 0x6A80},
        {Before::administrator, "0047009A05AD03800111", 0x6A80},
        {Before::administrator, "0047009A05AC03800199", 0x6A80},
        {Before::administrator, "0047009A05AC03800103", 0x6A80},
        {Before::administrator, "0047009A05AC03800114", 0x6A80}, // P-384 is not among the card's algorithms
        {Before::administrator, "0047009A06AC0480021100", 0x6A80},
        {Before::administrator, "0047009A0AAC088001118103010001", 0x6A80}, // an exponent with a curve
        {Before::administrator, "0047009A0AAC088001078103000003", 0x6A80},
        {Before::administrator, "0047009A08AC06800111800111", 0x6A80}, // twice
        {Before::administrator,
         "0047009A0FAC0D8001078103010001810301"
         "0001",
         0x6A80},
        {Before::administrator, "0047009A08AC06800111AA0102",
         0x6A80}, // only tokens with extensions have them
        {Before::administrator, "0047009A08AC06800111AB0101", 0x6A80},
        {Before::administrator, "0047009A08AC06800111BB0101", 0x6A80},
    });
}

BOOST_AUTO_TEST_CASE(rsa_generation_takes_the_one_exponent) {
    Table().check({{Before::administrator, "0047009A0AAC088001078103010001", 0x610E}});
}

BOOST_AUTO_TEST_SUITE_END()
