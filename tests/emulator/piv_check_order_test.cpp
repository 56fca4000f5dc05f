// What a command is refused for when several things are wrong with it at once: class, instruction, chaining,
// P1-P2, Lc, access, data, in that order (SP 800-73-4 part 2 leaves the order open; ISO/IEC 7816-4, 5.6 takes
// the header first). In each table a line mends what the line above it was refused for, and leaves the rest
// as wrong as it was; comments say what is still wrong.
#include "tests/emulator/piv_table.h"
#include "tests/emulator/yubico_card.h"

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
const std::string scalar = "0620" + std::string(64, '5');
const std::string aes_key = "0A9B18" + std::string(48, '5');

/// A key token of firmware 5.7.0, which has all of its maker's commands.
Table token() {
    return Table(test::yubico_setup(test::firmware_5_7));
}

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

// What key tokens have beyond the standard, where a card has it.

BOOST_AUTO_TEST_CASE(of_token_commands_on_a_card_that_has_none) {
    const Table standard;
    for (const char* const instruction : {"F6", "F7", "F8", "F9", "FA", "FB", "FD", "FE", "FF"}) {
        const std::string rest = std::string(instruction) + "777701AA";
        standard.check({
            {Before::nothing, "80" + rest, 0x6E00},       // class, instruction
            {Before::nothing, "0C" + rest, 0x6882},       // secure messaging, instruction
            {Before::nothing, "10" + rest, 0x6D00},       // instruction, chaining
            {Before::nothing, "00" + rest, 0x6D00},       // instruction
            {Before::administrator, "00" + rest, 0x6D00}, // instruction
        });
    }
    // A firmware that is too old for it.
    Table(test::yubico_setup(test::firmware_5_4))
        .check({
            {Before::nothing, "80F6829B01AA", 0x6E00}, // class, instruction
            {Before::nothing, "10F6829B01AA", 0x6D00}, // instruction, chaining
            {Before::nothing, "00F6829B01AA", 0x6D00}, // instruction
        });
}

BOOST_AUTO_TEST_CASE(of_get_version_and_get_serial) {
    for (const std::string instruction : {"FD", "F8"}) {
        token().check({
            {Before::nothing, "80" + instruction + "010101AA", 0x6E00}, // class, P1, P2, Lc
            {Before::nothing, "0C" + instruction + "010101AA", 0x6882}, // secure messaging, P1, P2, Lc
            {Before::nothing, "10" + instruction + "010101AA", 0x6884}, // chaining, P1, P2, Lc
            {Before::nothing, "00" + instruction + "010101AA", 0x6A86}, // P1, P2, Lc
            {Before::nothing, "00" + instruction + "000101AA", 0x6A86}, // P2, Lc
            {Before::nothing, "00" + instruction + "000001AA", 0x6700}, // Lc
            {Before::nothing, "00" + instruction + "0000", 0x9000},
        });
    }
}

BOOST_AUTO_TEST_CASE(of_get_metadata) {
    token().check({
        {Before::nothing, "80F7019601AA", 0x6E00}, // class, P1, P2, Lc
        {Before::nothing, "10F7019601AA", 0x6884}, // chaining, P1, P2, Lc
        {Before::nothing, "00F7019601AA", 0x6A86}, // P1, P2, Lc
        {Before::nothing, "00F7009601AA", 0x6A88}, // P2, Lc
        {Before::nothing, "00F7008201AA", 0x6700}, // Lc, no key
        {Before::nothing, "00F70082", 0x6A88},     // no key
        {Before::nothing, "00F7009A", 0x9000},
    });
}

BOOST_AUTO_TEST_CASE(of_attest) {
    token().check({
        {Before::nothing, "80F9960101AA", 0x6E00}, // class, P1, P2, Lc
        {Before::nothing, "10F9960101AA", 0x6884}, // chaining, P1, P2, Lc
        {Before::nothing, "00F9960101AA", 0x6A86}, // P1, P2, Lc
        {Before::nothing, "00F9820101AA", 0x6A86}, // P2, Lc
        {Before::nothing, "00F9820001AA", 0x6700}, // Lc, no key
        {Before::nothing, "00F98200", 0x6A80},     // no key, and nothing to attest with
        {Before::nothing, "00F99A00", 0x6A88},     // nothing to attest with
    });
}

// A key may be longer than a block, so that a chain is no mistake.
BOOST_AUTO_TEST_CASE(of_import_key) {
    token().check({
        {Before::nothing, "80FE03960100", 0x6E00},           // class, algorithm, slot, access, data
        {Before::nothing, "0CFE03960100", 0x6882},           // secure messaging, and all of these
        {Before::nothing, "00FE03960100", 0x6A86},           // algorithm, slot, access, data
        {Before::nothing, "00FE11960100", 0x6A86},           // slot, access, data
        {Before::nothing, "00FE11820100", 0x6982},           // access, data
        {Before::passcode_verified, "00FE11820100", 0x6982}, // the same: it is another's right
        {Before::administrator, "00FE11820100", 0x6A80},     // data
        {Before::administrator, "00FE118222" + scalar, 0x9000},
    });
}

// The limits stand in P1-P2, and count as data.
BOOST_AUTO_TEST_CASE(of_set_pin_retries) {
    token().check({
        {Before::nothing, "80FA000001AA", 0x6E00},                // class, Lc, access, limits
        {Before::nothing, "10FA000001AA", 0x6884},                // chaining, Lc, access, limits
        {Before::nothing, "00FA000001AA", 0x6700},                // Lc, access, limits
        {Before::nothing, "00FA0000", 0x6982},                    // access, limits
        {Before::administrator, "00FA0000", 0x6982},              // the passcode's half of it, limits
        {Before::passcode_verified, "00FA0000", 0x6982},          // the administrator's half of it, limits
        {Before::administrator_and_passcode, "00FA0000", 0x6A80}, // limits
        {Before::administrator_and_passcode, "00FA0310", 0x6A80}, // one of them
        {Before::administrator_and_passcode, "00FA0303", 0x9000},
    });
}

BOOST_AUTO_TEST_CASE(of_set_management_key) {
    token().check({
        {Before::nothing, "80FFFEFD0100", 0x6E00},             // class, P1, P2, Lc, access
        {Before::nothing, "10FFFEFD0100", 0x6884},             // chaining, P1, P2, Lc, access
        {Before::nothing, "00FFFEFD0100", 0x6A86},             // P1, P2, Lc, access
        {Before::nothing, "00FFFFFD0100", 0x6A86},             // P2, Lc, access
        {Before::nothing, "00FFFFFF0100", 0x6700},             // Lc, access
        {Before::nothing, "00FFFFFF0400000000", 0x6982},       // access, data
        {Before::administrator, "00FFFFFF0400000000", 0x6A80}, // data
        {Before::administrator, "00FFFFFF1B" + aes_key, 0x9000},
    });
}

BOOST_AUTO_TEST_CASE(of_reset) {
    token().check({
        {Before::nothing, "80FB010101AA", 0x6E00}, // class, P1, P2, Lc, codes that are not blocked
        {Before::nothing, "10FB010101AA", 0x6884}, // chaining, P1, P2, Lc, codes
        {Before::nothing, "00FB010101AA", 0x6A86}, // P1, P2, Lc, codes
        {Before::nothing, "00FB000101AA", 0x6A86}, // P2, Lc, codes
        {Before::nothing, "00FB000001AA", 0x6700}, // Lc, codes
        {Before::nothing, "00FB0000", 0x6985},     // codes that are not blocked
        {Before::blocked, "00FB0000", 0x6985},     // one that is not
        {Before::both_blocked, "00FB0000", 0x9000},
    });
}

// What P1-P2 name is answered as data is, and yet it comes before Lc.
BOOST_AUTO_TEST_CASE(of_move_key) {
    token().check({
        {Before::nothing, "80F6969601AA", 0x6E00},   // class, to, from, Lc, access
        {Before::nothing, "10F6969601AA", 0x6884},   // chaining, to, from, Lc, access
        {Before::nothing, "00F6969601AA", 0x6A80},   // to, from, Lc, access
        {Before::nothing, "00F6F99A01AA", 0x6A80},   // to, Lc, access
        {Before::nothing, "00F682F901AA", 0x6A80},   // from, Lc, access
        {Before::nothing, "00F69C8201AA", 0x6700},   // Lc, access, no key, and one where it would go
        {Before::nothing, "00F69C82", 0x6982},       // access, no key, and one where it would go
        {Before::administrator, "00F69C82", 0x6A88}, // no key, and one where it would go
        {Before::administrator, "00F69C9A", 0x6A80}, // one where it would go
        {Before::administrator, "00F6829A", 0x9000},
    });
}

BOOST_AUTO_TEST_CASE(of_delete_key) {
    token().check({
        {Before::nothing, "80F6FF9601AA", 0x6E00},   // class, slot, Lc, access
        {Before::nothing, "00F6FF9601AA", 0x6A80},   // slot, Lc, access
        {Before::nothing, "00F6FF8201AA", 0x6700},   // Lc, access, no key
        {Before::nothing, "00F6FF82", 0x6982},       // access, no key
        {Before::administrator, "00F6FF82", 0x6A88}, // no key
        {Before::administrator, "00F6FF9A", 0x9000},
    });
}

// Its slot is there with the token's commands alone.
BOOST_AUTO_TEST_CASE(of_generate_key_pair_for_attestation) {
    Table().check({
        {Before::nothing, "004700F902AC00", 0x6A86}, // slot, access, data
        {Before::administrator, "004700F905AC03800111", 0x6A86},
    });
    token().check({
        {Before::nothing, "004700F902AC00", 0x6982},       // access, data
        {Before::administrator, "004700F902AC00", 0x6A80}, // data
        {Before::administrator, "004700F905AC03800111", 0x9000},
    });
}

BOOST_AUTO_TEST_SUITE_END()
