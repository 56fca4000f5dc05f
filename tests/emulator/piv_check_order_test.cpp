// What a command is refused for when several things are wrong with it at once: class, instruction, chaining,
// P1-P2, Lc, access, data, in that order (SP 800-73-4 part 2 leaves the order open; ISO/IEC 7816-4, 5.6 takes
// the header first). In each table a line mends what the line above it was refused for, and leaves the rest
// as wrong as it was; comments say what is still wrong.
#include "tests/emulator/piv_table.h"

#include <boost/test/unit_test.hpp>

#include <string>

namespace test = cardrig::tests;
using test::Before;
using test::Table;

namespace {

const std::string right = test::block("123456");
const std::string wrong = test::block("999999");
const std::string too_short = test::block("12345");
const std::string unblocking = test::block("12345678");
const std::string digest(64, '5');

} // namespace

BOOST_AUTO_TEST_SUITE(piv_check_order)

BOOST_AUTO_TEST_CASE(of_an_unknown_command) {
    Table().check({
        {Before::nothing, "8CFD7777", 0x6E00}, // class, secure messaging, instruction, P1-P2
        {Before::nothing, "9CFD7777", 0x6E00}, // the same as a block of a chain
        {Before::nothing, "0CFD7777", 0x6882}, // secure messaging, instruction, P1-P2
        {Before::nothing, "1CFD7777", 0x6882}, //
        {Before::nothing, "10FD7777", 0x6D00}, // instruction, chaining, P1-P2
        {Before::nothing, "00FD7777", 0x6D00}, // instruction, P1-P2
    });
}

BOOST_AUTO_TEST_CASE(of_select) {
    Table().check({
        {Before::nothing, "80A4000C023F00", 0x6E00}, // class, P1, P2, data
        {Before::nothing, "10A4000C023F00", 0x6884}, // chaining, P1, P2, data
        {Before::nothing, "00A4000C023F00", 0x6A86}, // P1, P2, data
        // Whose P2 it is, tells the identifier alone.
        {Before::nothing, "00A4040C023F00", 0x6A82},       // data, and any P2
        {Before::nothing, "00A4040C05A000000308", 0x6A86}, // P2
        {Before::nothing, "00A4040005A000000308", 0x9000},
    });
}

BOOST_AUTO_TEST_CASE(of_get_response) {
    Table().check({
        {Before::nothing, "80C0010001AA", 0x6E00}, // class, P1, Lc, and nothing waits
        {Before::nothing, "10C0010001AA", 0x6884}, // chaining, P1, Lc, and nothing waits
        {Before::nothing, "00C0010001AA", 0x6A86}, // P1, Lc, and nothing waits
        {Before::nothing, "00C0000001AA", 0x6700}, // Lc, and nothing waits
        {Before::nothing, "00C0000000", 0x6985},   // nothing waits
    });
}

BOOST_AUTO_TEST_CASE(of_get_data) {
    Table().check({
        {Before::nothing, "80CB0000", 0x6E00},             // class, P1-P2, data
        {Before::nothing, "10CB0000", 0x6884},             // chaining, P1-P2, data
        {Before::nothing, "00CB0000", 0x6A86},             // P1-P2, data
        {Before::nothing, "00CB3FFE055C035FC109", 0x6A86}, // P2, access, and the object is absent
        {Before::nothing, "00CB3FFF", 0x6A80},             // data
        // Which access rule it is, tells the tag: so what is no tag comes first here.
        {Before::nothing, "00CB3FFF065C035FC10901", 0x6A80}, // data, access, and the object is absent
        {Before::nothing, "00CB3FFF055C035FC109", 0x6982},   // access, and the object is absent
        {Before::passcode_verified, "00CB3FFF055C035FC109", 0x6A82},
    });
}

BOOST_AUTO_TEST_CASE(of_verify) {
    Table().check({
        {Before::blocked, "8020018107313233343536FF", 0x6E00}, // class, P1, P2, Lc, blocked
        {Before::blocked, "1020018107313233343536FF", 0x6884}, // chaining, P1, P2, Lc, blocked
        {Before::blocked, "0020018107313233343536FF", 0x6A86}, // P1, P2, Lc, blocked
        {Before::blocked, "0020008107313233343536FF", 0x6A88}, // P2, Lc, blocked
        {Before::blocked, "0020008007313233343536FF", 0x6A80}, // Lc, blocked
        {Before::blocked, "0020008008" + wrong, 0x6983},       // blocked, and the wrong passcode
        {Before::nothing, "0020008008" + wrong, 0x63C2},
        {Before::nothing, "0020FF8108" + right, 0x6A88}, // P2, Lc
        {Before::nothing, "0020FF8008" + right, 0x6A80}, // Lc
        {Before::nothing, "0020FF80", 0x9000},
    });
}

BOOST_AUTO_TEST_CASE(of_change_reference_data) {
    Table().check({
        {Before::blocked, "8024018208" + wrong, 0x6E00},             // class, P1, P2, Lc, blocked
        {Before::blocked, "1024018208" + wrong, 0x6884},             // chaining, P1, P2, Lc, blocked
        {Before::blocked, "0024018208" + wrong, 0x6A86},             // P1, P2, Lc, blocked
        {Before::blocked, "0024008208" + wrong, 0x6A88},             // P2, Lc, blocked
        {Before::blocked, "0024008008" + wrong, 0x6A80},             // Lc, blocked
        {Before::blocked, "0024008010" + wrong + too_short, 0x6983}, // blocked, wrong, and a bad new one
        {Before::nothing, "0024008010" + wrong + too_short, 0x63C2}, // wrong, and a bad new one
        {Before::nothing, "0024008010" + right + too_short, 0x6A80}, // a bad new one
        {Before::nothing, "0024008010" + right + right, 0x9000},
    });
}

BOOST_AUTO_TEST_CASE(of_reset_retry_counter) {
    Table().check({
        {Before::nothing, "802C018108" + wrong, 0x6E00},                  // class, P1, P2, Lc
        {Before::nothing, "102C018108" + wrong, 0x6884},                  // chaining, P1, P2, Lc
        {Before::nothing, "002C018108" + wrong, 0x6A86},                  // P1, P2, Lc
        {Before::nothing, "002C008108" + wrong, 0x6A88},                  // P2, Lc
        {Before::nothing, "002C008008" + wrong, 0x6A80},                  // Lc
        {Before::nothing, "002C008010" + wrong + too_short, 0x63C2},      // wrong, and a bad new one
        {Before::nothing, "002C008010" + unblocking + too_short, 0x6A80}, // a bad new one
        {Before::nothing, "002C008010" + unblocking + right, 0x9000},
    });
}

BOOST_AUTO_TEST_CASE(of_general_authenticate_with_a_key_pair) {
    const std::string too_long = "277C2582008121" + digest + "55";
    Table().check({
        {Before::nothing, "80870182027C00", 0x6E00},           // class, algorithm, no key, access, data
        {Before::nothing, "00870182027C00", 0x6A86},           // algorithm, no key, access, data
        {Before::nothing, "00871182027C00", 0x6A86},           // no key, access, data
        {Before::nothing, "0087149A027C00", 0x6982},           // access, another algorithm, data
        {Before::nothing, "0087119C" + too_long, 0x6982},      // access, data
        {Before::passcode_verified, "0087149A027C00", 0x6A80}, // another algorithm, data
        {Before::passcode_verified, "0087119A027C00", 0x6A80}, // data
        {Before::passcode_verified, "0087119A" + too_long, 0x6A80},
        {Before::passcode_verified, "0087119A267C2482008120" + digest, 0x9000},
    });
}

BOOST_AUTO_TEST_CASE(of_general_authenticate_with_the_management_key) {
    Table().check({
        {Before::nothing, "8087119B027C00", 0x6E00},                     // class, algorithm, data
        {Before::nothing, "0087119B027C00", 0x6A86},                     // algorithm, data
        {Before::nothing, "0087089B027C00", 0x6A86},                     // another key's algorithm, data
        {Before::nothing, "0087039B027C00", 0x6A80},                     // data
        {Before::nothing, "0087039B0C7C0A82070000000000000055", 0x6A80}, // data, and nothing was asked for
        {Before::nothing, "0087039B0B7C09820700000000000000",
         0x6985}, // nothing was asked for; a short answer
        {Before::nothing, "0087039B047C028100", 0x9000},
    });
}

BOOST_AUTO_TEST_CASE(of_put_data) {
    Table().check({
        {Before::nothing, "80DB3FFE", 0x6E00},                             // class, P1-P2, access, data
        {Before::nothing, "00DB3FFE", 0x6A86},                             // P1-P2, access, data
        {Before::nothing, "00DB3FFF", 0x6982},                             // access, data
        {Before::nothing, "00DB3FFF0A5C035FC1245302300055", 0x6982},       // access, data, no such object
        {Before::nothing, "00DB3FFF095C035FC12453023000", 0x6982},         // access, no such object
        {Before::administrator, "00DB3FFF0A5C035FC1245302300055", 0x6A80}, // data, no such object
        {Before::administrator, "00DB3FFF095C035FC12453023000", 0x6A81},   // no such object
        {Before::administrator, "00DB3FFF095C035FC12053023000", 0x9000},
    });
}

BOOST_AUTO_TEST_CASE(of_generate_key_pair) {
    Table().check({
        {Before::nothing, "8047018102AC00", 0x6E00},             // class, P1-P2, access, data
        {Before::nothing, "0047018102AC00", 0x6A86},             // P1-P2, access, data
        {Before::nothing, "0047008102AC00", 0x6A86},             // P2, access, data
        {Before::nothing, "0047008202AC00", 0x6982},             // access, data
        {Before::nothing, "0047008205AC03800114", 0x6982},       // access, an algorithm that the card lacks
        {Before::administrator, "0047008202AC00", 0x6A80},       // data
        {Before::administrator, "0047008205AC03800114", 0x6A80}, // an algorithm that the card lacks
        {Before::administrator, "0047008205AC03800111", 0x9000},
    });
}

BOOST_AUTO_TEST_SUITE_END()
