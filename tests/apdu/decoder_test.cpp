#include "apdu/decoder.h"

#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include <boost/test/unit_test.hpp>

namespace apdu = cardrig::apdu;
namespace sw = cardrig::apdu::sw;
using apdu::Bytes;

namespace {

Bytes hex(std::string_view text) {
    return apdu::from_hex(text).value();
}

/// A conversation with one card: each command is answered before the next.
class Conversation {
public:
    apdu::DecodedCommand say(std::string_view command, apdu::StatusWord answer = sw::success) {
        return say(hex(command), answer);
    }
    apdu::DecodedCommand say(const Bytes& command, apdu::StatusWord answer = sw::success) {
        apdu::DecodedCommand decoded = decoder_.command(command);
        decoder_.response(answer);
        return decoded;
    }
    void reset() { decoder_.reset(); }

private:
    apdu::Decoder decoder_;
};

struct Row {
    std::string command;
    std::string name;
    std::string object;
    std::string detail;
    bool command_secret = false;
    bool response_secret = false;
};

/// Each row against a card of its own, so that none depends on another.
void check_rows(const std::vector<Row>& rows) {
    for (const Row& row : rows) {
        BOOST_TEST_CONTEXT(row.command) {
            const auto decoded = Conversation().say(row.command);
            BOOST_TEST(decoded.name == row.name);
            BOOST_TEST(decoded.object == row.object);
            BOOST_TEST(decoded.detail == row.detail);
            BOOST_TEST(decoded.command_secret == row.command_secret);
            BOOST_TEST(decoded.response_secret == row.response_secret);
            BOOST_TEST(decoded.block == 1U);
        }
    }
}

std::string zeros(std::size_t bytes) {
    return std::string(bytes * 2, '0');
}

const std::string other_aid = "A000000527200101"; // Yubico's OTP applet, as yubico-piv-tool selects it
const std::string select_other = "00A4040008" + other_aid;
const std::string select_piv = "00A4040005 A000000308";

} // namespace

BOOST_AUTO_TEST_SUITE(decoder)

// What opensc-tool 0.23 and yubico-piv-tool 2.2.0 were seen to send.
BOOST_AUTO_TEST_CASE(select_is_told_by_aid) {
    check_rows({
        {"00A4040005 A000000308", "select", "piv", ""},
        {"00A4040009 A00000030800001000 00", "select", "piv", ""},
        {"00A404000B A0000003080000100001 00 00", "select", "piv", ""},
        {"00A4040007 627601FF000000", "select", "627601FF000000", ""},
        {"00A4040006 A00000000101", "select", "A00000000101", ""},
        {"00A4040C0F D23300000045737445494420763335", "select", "D23300000045737445494420763335", ""},
        {"00A4040007 A0000000790100", "select", "A0000000790100", ""},
        {"00A4040004 A0000003", "select", "A0000003", ""},                                 // too short
        {"00A404000B A0000003080000100002 00 00", "select", "A000000308000010000200", ""}, // another version
        {"00A4000C02 3F00", "select", "3F00", "file"},
        {"00A40400", "select", "", ""},
    });
}

BOOST_AUTO_TEST_CASE(data_objects_are_told_by_name) {
    check_rows({
        {"00CB3FFF03 5C017E 08", "get-data", "discovery", ""},
        {"00CB3FFF04 5C027F61 00", "get-data", "biometric-information-templates", ""},
        {"00CB3FFF05 5C035FC107 08", "get-data", "card-capability-container", ""},
        {"00CB3FFF05 5C035FC102 00", "get-data", "chuid", ""},
        {"00CB3FFF05 5C035FC105", "get-data", "authentication-certificate", ""},
        {"00CB3FFF05 5C035FC10A 00", "get-data", "signature-certificate", ""},
        {"00CB3FFF05 5C035FC10B 00", "get-data", "key-management-certificate", ""},
        {"00CB3FFF05 5C035FC101 00", "get-data", "card-authentication-certificate", ""},
        {"00CB3FFF05 5C035FC10C 00", "get-data", "key-history", ""},
        {"00CB3FFF05 5C035FC10D 00", "get-data", "retired-certificate-1", ""},
        {"00CB3FFF05 5C035FC120 00", "get-data", "retired-certificate-20", ""},
        {"00CB3FFF05 5C035FFF01 00", "get-data", "5FFF01", ""},
        {"00CB3FFF05 5C035FC109 00", "get-data", "printed-information", "", false, true},
        {"00CB3FFF02 5C00 00", "get-data", "", ""},
        {"00CB3FFF04 5C035FC1 00", "get-data", "", ""},
        {"00CB3FFF", "get-data", "", ""},
    });
}

BOOST_AUTO_TEST_CASE(put_data_is_told_by_object_and_emptying_from_writing) {
    check_rows({
        {"00DB3FFF07 5C035FC105 5300", "put-data", "authentication-certificate", "delete"},
        {"00DB3FFF0A 5C035FC10C 5303C10100", "put-data", "key-history", ""},
        {"00DB3FFF14 7E12 4F0BA000000308000010000100 5F2F024000", "put-data", "discovery", ""},
        {"00DB3FFF02 7E00", "put-data", "discovery", "delete"},
        {"00DB3FFF05 7F61020201 00", "put-data", "biometric-information-templates", ""},
        {"00DB3FFF09 5C035FC123 53029900", "put-data", "pairing-code", "", true, false},
        {"00DB3FFF02 5300", "put-data", "", "", true, false}, // nobody knows what it is
    });
}

BOOST_AUTO_TEST_CASE(verify_is_told_in_all_its_forms) {
    check_rows({
        {"00200080", "verify", "passcode-status", "query"},
        {"0020008000", "verify", "passcode-status", "query"},
        {"0020FF80", "verify", "passcode-status", "reset"},
        {"0020008008 313233343536FFFF", "verify", "passcode", "", true, false},
        {"0020000008 313233343536FFFF", "verify", "global-passcode", "", true, false},
        {"0020008108 3132333435363738", "verify", "unblocking-code", "", true, false},
        {"00200096", "verify", "96-status", "query"},
        {"0020009808 3132333435363738", "verify", "98", "", true, false},
    });
}

BOOST_AUTO_TEST_CASE(changing_codes_is_secret) {
    const std::string codes = "313233343536FFFF363534333231FFFF";
    check_rows({
        {"0024008010" + codes, "change-reference-data", "passcode", "", true, false},
        {"0024008110" + codes, "change-reference-data", "unblocking-code", "", true, false},
        {"002C008010" + codes, "reset-retry-counter", "passcode", "", true, false},
        {"002C0080", "reset-retry-counter", "passcode", ""},
    });
}

BOOST_AUTO_TEST_CASE(management_key_exchanges_are_told_apart_and_secret) {
    const std::string eight = "0102030405060708";
    check_rows({
        {"0087039B04 7C028000", "general-authenticate", "9B", "authenticate-witness", true, true},
        {"0087039B16 7C14 8008" + eight + "8108" + eight + "00", "general-authenticate", "9B",
         "authenticate-response", true, true},
        {"0087039B18 7C16 8008" + eight + "8108" + eight + "8200 00", "general-authenticate", "9B",
         "authenticate-response", true, true},
        {"0087039B04 7C028100", "general-authenticate", "9B", "authenticate-challenge", true, true},
        {"0087039B0C 7C0A 8208" + eight, "general-authenticate", "9B", "authenticate-response", true, true},
        {"00870C9B16 7C14 8200 8110" + eight + eight + "00", "general-authenticate", "9B",
         "authenticate-internal", true, true},
        // How OpenSC asks for random bytes.
        {"0087009B04 7C028100 00", "general-authenticate", "9B", "authenticate-challenge", true, true},
    });
}

BOOST_AUTO_TEST_CASE(private_key_operations_are_told_by_their_inner_tags) {
    check_rows({
        {"0087119C26 7C24 8200 8120" + zeros(32) + "00", "general-authenticate", "9C", "sign"},
        {"0087119C26 7C24 8120" + zeros(32) + "8200 00", "general-authenticate", "9C", "sign"},
        {"0087149C36 7C34 8200 8130" + zeros(48), "general-authenticate", "9C", "sign"},
        {"0087119D47 7C45 8200 8541" + zeros(65) + "00", "general-authenticate", "9D", "agree", false, true},
        {"0087149D67 7C65 8200 8561" + zeros(97) + "00", "general-authenticate", "9D", "agree", false, true},
        {"0087119D26 7C24 8200 8120" + zeros(32) + "00", "general-authenticate", "9D", "sign"},
        {"0087119A00", "general-authenticate", "9A", ""},
        {"0087119A02 7C00", "general-authenticate", "9A", ""},
        {"00872704 0C 7C0A 8106 000000000000 8200 00", "general-authenticate", "04",
         "establish-secure-messaging"},
    });
}

BOOST_AUTO_TEST_CASE(key_generation_is_told_by_key) {
    check_rows({
        {"0047009A05 AC03800107", "generate-key-pair", "9A", ""},
        {"0047009C0B AC09 800111 AA0102 AB0101 00", "generate-key-pair", "9C", ""},
    });
}

BOOST_AUTO_TEST_CASE(other_instructions_keep_their_number) {
    check_rows({
        {"00F5000000", "ins-F5", "", ""},
        {"00CADF3005", "ins-CA", "", ""},
        {"80CADF0308", "ins-CA", "", ""},
    });
}

BOOST_AUTO_TEST_CASE(commands_of_key_tokens_have_names) {
    check_rows({
        {"00FD000000", "get-version", "", ""},
        {"00F8000000", "get-serial", "", ""},
        {"00F7009A00", "get-metadata", "9A", ""},
        {"00F70080", "get-metadata", "passcode", ""},
        {"00F70081", "get-metadata", "unblocking-code", ""},
        {"00F99A0000", "attest", "9A", ""},
        {"00FA0503", "set-pin-retries", "", ""},
        {"00FB0000", "reset-piv", "", ""},
        {"00F6829A", "move-key", "9A", "to 82"},
        {"00F6FF9A", "delete-key", "9A", ""},
        {"00FE119A22 0620" + zeros(32), "import-key", "9A", "", true, false},
        {"00FFFFFF1B 039B18" + zeros(24), "set-management-key", "", "", true, false},
    });
}

// RSA 2048 comes in several blocks, and each of them holds a part of the key.
BOOST_AUTO_TEST_CASE(every_block_of_an_imported_key_is_secret) {
    Conversation card;
    const auto first = card.say("10FE079AFF 018180" + zeros(252));
    BOOST_TEST(first.text() == "import-key 9A block 1");
    BOOST_TEST(first.command_secret);
    const auto last = card.say("00FE079A10 " + zeros(16));
    BOOST_TEST(last.text() == "import-key 9A block 2");
    BOOST_TEST(last.command_secret);
    // In another class it is no command of PIV's, and a key all the same.
    const auto foreign = card.say("80FE079A03 010101");
    BOOST_TEST(foreign.name == "ins-FE");
    BOOST_TEST(foreign.command_secret);
}

BOOST_AUTO_TEST_CASE(commands_in_another_class_are_not_piv_but_their_secrets_are_kept) {
    check_rows({
        {"0C20008008 313233343536FFFF", "ins-20", "", "", true, false},
        {"8020008008 313233343536FFFF", "ins-20", "", "", true, false},
        {"0CCB3FFF05 5C035FC105 00", "ins-CB", "", ""},
    });
}

BOOST_AUTO_TEST_CASE(what_is_no_apdu_is_malformed) {
    check_rows({
        {"", "malformed", "", ""},
        {"00CB3F", "malformed", "", ""},
        {"00CB3FFF05 5C035F", "malformed", "", ""},
        // A passcode with a wrong length in front is a passcode still.
        {"0020008009 313233343536FFFF", "malformed", "", "", true, false},
        {"0087039B16 7C14", "malformed", "", "", true, true},
    });
}

BOOST_AUTO_TEST_CASE(a_chain_keeps_the_object_of_its_first_block) {
    Conversation card;
    const auto first = card.say("10DB3FFF09 5C035FC10A 5382 0400");
    BOOST_TEST(first.text() == "put-data signature-certificate block 1");
    BOOST_TEST(!first.last_block);
    for (std::uint32_t block = 2; block < 5; ++block) {
        const auto next = card.say("10DB3FFF04 5C017E00"); // data that looks like an object of its own
        BOOST_TEST(next.object == "signature-certificate");
        BOOST_TEST(next.block == block);
        BOOST_TEST(!next.last_block);
    }
    const auto last = card.say("00DB3FFF01 00");
    BOOST_TEST(last.text() == "put-data signature-certificate block 5");
    BOOST_TEST(last.last_block);
    BOOST_TEST(card.say("00DB3FFF07 5C035FC105 5300").text() == "put-data authentication-certificate");
}

// RSA 2048 as OpenSC sends it: 1087079AFF 7C820106 8200 81820100 ..., then the last eleven bytes.
BOOST_AUTO_TEST_CASE(a_chained_signature_is_one_signature) {
    const std::string signature = "0001FFFF";
    const std::string cryptogram = "3A5C0042";
    for (const auto& [key, detail, input, secret] : {std::tuple{"9A", "sign", signature, false},
                                                     {"9C", "sign", signature, false},
                                                     {"9E", "sign", signature, false},
                                                     {"9D", "decipher", signature, false},
                                                     {"9A", "sign", cryptogram, true},
                                                     {"9C", "sign", cryptogram, true},
                                                     {"9E", "sign", cryptogram, true},
                                                     {"9D", "decipher", cryptogram, true},
                                                     {"82", "decipher", cryptogram, true}}) {
        Conversation card;
        const auto first =
            card.say("108707" + std::string(key) + "FF 7C820106 8200 81820100" + input + zeros(241));
        BOOST_TEST(first.name == "general-authenticate");
        BOOST_TEST(first.object == key);
        BOOST_TEST(first.detail == detail);
        const auto last =
            card.say("008707" + std::string(key) + "0B" + zeros(11) + "00", apdu::StatusWord(0x6108));
        BOOST_TEST(last.detail == detail);
        BOOST_TEST(last.block == 2U);
        BOOST_TEST(last.response_secret == secret);
        BOOST_TEST(!last.command_secret);
        BOOST_TEST(card.say("00C0000008").response_secret == secret);
    }
}

// yubico-piv-tool's test-decipher and pkcs11-tool --decrypt use any RSA key, by the command that signs.
BOOST_AUTO_TEST_CASE(only_what_begins_as_a_pkcs_1_signature_is_shown_of_rsa) {
    const auto secret = [](const std::string& p1, const std::string& begin) {
        const std::string challenge = begin + zeros(128 - begin.size() / 2);
        return Conversation().say("0087" + p1 + "9A88 7C8185 8200 818180" + challenge + "00").response_secret;
    };
    BOOST_TEST(!secret("06", "0001FF"));
    BOOST_TEST(secret("06", "0002FF")); // enciphered with the same padding's other type
    BOOST_TEST(secret("06", "000100"));
    BOOST_TEST(secret("06", "0101FF"));
    BOOST_TEST(secret("07", "5B0001FF"));
    BOOST_TEST(secret("05", "00"));
    BOOST_TEST(!secret("11", "5B00")); // ECDSA only signs
}

// The answer of the last block counts, and only what arrived by then tells.
BOOST_AUTO_TEST_CASE(an_rsa_input_in_pieces_is_told_by_its_beginning) {
    Conversation card;
    BOOST_TEST(card.say("1087069A09 7C8185 8200 818180 00").response_secret);
    BOOST_TEST(card.say("1087069A01 01").response_secret);
    BOOST_TEST(!card.say("1087069A01 FF").response_secret);
    BOOST_TEST(!card.say("0087069A01 FF", apdu::StatusWord(0x6180)).response_secret);
    BOOST_TEST(!card.say("00C0000080").response_secret);
}

BOOST_AUTO_TEST_CASE(a_meaning_that_arrives_in_pieces_is_told_as_soon_as_it_is_there) {
    Conversation card;
    const Bytes data = hex("5C035FC105 5300");
    for (std::size_t i = 0; i + 1 < data.size(); ++i) {
        const auto decoded = card.say(Bytes{0x10, 0xDB, 0x3F, 0xFF, 1, data[i]});
        BOOST_TEST(decoded.object == (i < 4 ? "" : "authentication-certificate"));
    }
    BOOST_TEST(card.say(Bytes{0x00, 0xDB, 0x3F, 0xFF, 1, data.back()}).detail == "delete");
}

BOOST_AUTO_TEST_CASE(another_command_drops_the_chain) {
    for (const auto* const intruder :
         {"00200080", "00C0000000", "00CB3FFF03 5C017E 00", "00", "1087079A02 7C82"}) {
        BOOST_TEST_CONTEXT(intruder) {
            Conversation card;
            BOOST_TEST(card.say("10DB3FFF07 5C035FC105 5302").object == "authentication-certificate");
            BOOST_TEST(card.say(intruder).block == 1U);
            const auto later = card.say("00DB3FFF02 AABB");
            BOOST_TEST(later.block == 1U);
            BOOST_TEST(later.object == "");
        }
    }
}

BOOST_AUTO_TEST_CASE(a_refused_block_drops_the_chain) {
    Conversation card;
    static_cast<void>(card.say("10DB3FFF07 5C035FC105 5302", sw::security_status_not_satisfied));
    const auto again = card.say("10DB3FFF07 5C035FC10A 5302");
    BOOST_TEST(again.object == "signature-certificate");
    BOOST_TEST(again.block == 1U);
}

BOOST_AUTO_TEST_CASE(reset_drops_chain_selection_and_pending_secrets) {
    Conversation card;
    static_cast<void>(card.say("10DB3FFF07 5C035FC105 5302"));
    card.reset();
    BOOST_TEST(card.say("00DB3FFF07 5C035FC10A 5300").object == "signature-certificate");
    static_cast<void>(card.say(select_other));
    BOOST_TEST(card.say("00200080").name == "ins-20");
    card.reset();
    BOOST_TEST(card.say("00200080").name == "verify");
    static_cast<void>(card.say("0087039B04 7C028100", apdu::StatusWord(0x610C)));
    card.reset();
    BOOST_TEST(!card.say("00C000000C").response_secret);
}

BOOST_AUTO_TEST_CASE(in_another_application_the_numbers_remain) {
    Conversation card;
    BOOST_TEST(card.say(select_other).object == other_aid);
    BOOST_TEST(card.say("00CB3FFF05 5C035FC105").name == "ins-CB");
    BOOST_TEST(card.say("00200080").text() == "ins-20");
    BOOST_TEST(card.say("0020008008 313233343536FFFF").command_secret);
    BOOST_TEST(card.say("00C0000000").name == "get-response");
    BOOST_TEST(card.say(select_piv).text() == "select piv");
    BOOST_TEST(card.say("00CB3FFF05 5C035FC105").text() == "get-data authentication-certificate");
}

// Management-key exchange, key import and decryption as GIDS and PKCS#15 cards take them.
BOOST_AUTO_TEST_CASE(secrets_of_other_applications_are_kept) {
    Conversation card;
    static_cast<void>(card.say(select_other));
    const auto exchange = card.say("0087000014 7C128110" + zeros(16) + "00");
    BOOST_TEST(exchange.command_secret);
    BOOST_TEST(exchange.response_secret);
    BOOST_TEST(card.say("00DB3FFF04 70020000").command_secret);
    BOOST_TEST(!card.say("00DBA01004 DF220100").command_secret);
    BOOST_TEST(card.say("002A808602 0000 00").response_secret);
    BOOST_TEST(!card.say("002A9E9A02 0000 00").response_secret);
}

BOOST_AUTO_TEST_CASE(both_forms_of_an_instruction_hide_its_secrets) {
    for (const char* command : {"0021008008 313233343536FFFF", "0025008010 31323334353637383132333435363738",
                                "002D008010 31323334353637383132333435363738", "0086089B03 7C0100",
                                "00DA3FFF09 5C035FC109 53021122", "00FF119A03 060100", "00FEFFFF03 039B00"}) {
        BOOST_TEST(Conversation().say(command).command_secret, command);
    }
    BOOST_TEST(Conversation().say("0086089B03 7C0100").response_secret);
    Conversation other;
    static_cast<void>(other.say(select_other));
    BOOST_TEST(other.say("00DA3FFF04 70020000").command_secret);
    BOOST_TEST(other.say("002B808602 0000 00").response_secret);
}

BOOST_AUTO_TEST_CASE(put_data_without_a_head_that_tells_the_object_is_secret) {
    for (const char* command :
         {"00DB3FFF08 EEEEEEEEEEEEEEEE", "10DB3FFF08 EEEEEEEEEEEEEEEE", "0CDB3FFF09 5C035FC105 53021122",
          "80DB3FFF09 5C035FC109 53021122", "9CDB3FFF09 5C035FC109 53021122",
          "00DB3FFF0A 5C04005FC109 53021122", "00DB3FFF0C 5C065FC1055FC109 53021122",
          "00DB3FFF09 5C00 5C035FC109 5300", "00DB3FFF09 5C03005FC1 53021122", "10DB3FFF04 5C035FC1"}) {
        BOOST_TEST(Conversation().say(command).command_secret, command);
    }
    BOOST_TEST(!Conversation().say("00DB3FFF09 5C035FC105 53021122").command_secret);
    BOOST_TEST(!Conversation().say("10DB3FFF09 5C035FC105 53021122").command_secret);
    BOOST_TEST(!Conversation().say("00DB3FFF").command_secret); // nothing to hide
}

BOOST_AUTO_TEST_CASE(the_rest_of_a_secret_that_broke_off_stays_secret) {
    const std::string head = "10DB3FFF0F 5C035FC109 53820100 EEEEEEEEEEEE";
    // Secret bytes that by chance look like the head of an object that anybody may see.
    for (const std::string rest :
         {"DB3FFF08 EEEEEEEEEEEEEEEE", "DB3FFF08 7E06EEEEEEEEEEEE", "DB3FFF08 5C017E5303EEEEEE"}) {
        BOOST_TEST_CONTEXT(rest) {
            Conversation refused;
            BOOST_TEST(refused.say(head, sw::security_status_not_satisfied).command_secret);
            BOOST_TEST(refused.say("10" + rest, sw::incorrect_data).command_secret);
            BOOST_TEST(refused.say("00" + rest).command_secret);
            BOOST_TEST(!refused.say("00DB3FFF07 5C035FC105 5300").command_secret);

            Conversation broken_off;
            static_cast<void>(broken_off.say(head));
            static_cast<void>(broken_off.say("00200080"));
            BOOST_TEST(broken_off.say("10" + rest).command_secret);
            BOOST_TEST(broken_off.say("00" + rest).command_secret);

            Conversation malformed;
            static_cast<void>(malformed.say(head));
            static_cast<void>(malformed.say("00"));
            BOOST_TEST(malformed.say("10" + rest).command_secret);

            Conversation reset;
            static_cast<void>(reset.say(head));
            reset.reset();
            BOOST_TEST(reset.say("10" + rest).command_secret);
            BOOST_TEST(reset.say("80" + rest).command_secret);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_refused_selection_changes_nothing) {
    Conversation card;
    static_cast<void>(card.say(select_other, sw::file_or_application_not_found));
    BOOST_TEST(card.say("00200080").name == "verify");
    static_cast<void>(card.say(select_other));
    static_cast<void>(card.say(select_piv, sw::file_or_application_not_found));
    BOOST_TEST(card.say("00200080").name == "ins-20");
    static_cast<void>(card.say(select_piv, apdu::StatusWord(0x6113)));
    BOOST_TEST(card.say("00200080").name == "verify");
    // 6283: deactivated, and selected all the same.
    static_cast<void>(card.say(select_other, apdu::StatusWord(0x6283)));
    BOOST_TEST(card.say("00200080").name == "ins-20");
}

BOOST_AUTO_TEST_CASE(an_unanswered_selection_changes_nothing) {
    apdu::Decoder decoder;
    static_cast<void>(decoder.command(hex(select_other)));
    const auto next = decoder.command(hex("00200080"));
    decoder.response(sw::success);
    BOOST_TEST(next.name == "verify");
    BOOST_TEST(decoder.command(hex("00200080")).name == "verify");
}

BOOST_AUTO_TEST_CASE(selecting_a_file_leaves_the_application_selected) {
    Conversation card;
    static_cast<void>(card.say("00A4000C02 3F00"));
    BOOST_TEST(card.say("00200080").name == "verify");
}

BOOST_AUTO_TEST_CASE(get_response_is_as_secret_as_what_it_fetches) {
    Conversation card;
    static_cast<void>(card.say("0087039B04 7C028000", apdu::StatusWord(0x610C)));
    const auto first = card.say("00C0000008", apdu::StatusWord(0x6104));
    BOOST_TEST(first.text() == "get-response");
    BOOST_TEST(first.response_secret);
    BOOST_TEST(card.say("00C0000004").response_secret);
    static_cast<void>(card.say("00CB3FFF05 5C035FC105", apdu::StatusWord(0x6100)));
    BOOST_TEST(!card.say("00C0000000").response_secret);
}

// A renewal as yubico-piv-tool 2.2.0 sends it: select, witness, response, generate, fetch the key, write.
BOOST_AUTO_TEST_CASE(a_renewal_reads_as_a_story) {
    Conversation card;
    std::vector<std::string> story;
    const auto tell = [&card, &story](const std::string& command, std::uint16_t answer) {
        story.push_back(card.say(command, apdu::StatusWord(answer)).text());
    };
    tell("00A4040005 A000000308", 0x9000);
    tell("0020008000", 0x63C3);
    tell("00FD000000", 0x6D00);
    tell("0087039B04 7C028000", 0x9000);
    tell("0087039B16 7C14 8008" + zeros(8) + "8108" + zeros(8), 0x9000);
    tell("0047009A05 AC03800107", 0x610E);
    tell("00C0000000", 0x9000);
    tell("10DB3FFFFF 5C035FC105 53820123 7082011A" + zeros(242), 0x9000);
    tell("00DB3FFF2D " + zeros(45), 0x9000);
    tell("0020008008 313233343536FFFF", 0x9000);
    const std::vector<std::string> expected{
        "select piv",
        "verify passcode-status",
        "get-version",
        "general-authenticate 9B",
        "general-authenticate 9B",
        "generate-key-pair 9A",
        "get-response",
        "put-data authentication-certificate block 1",
        "put-data authentication-certificate block 2",
        "verify passcode",
    };
    BOOST_CHECK_EQUAL_COLLECTIONS(story.begin(), story.end(), expected.begin(), expected.end());
}

// SP 800-73-4 part 1, table 3: the tags of all containers, in the order of the table's retired keys too.
BOOST_AUTO_TEST_CASE(object_names_and_tags_belong_to_one_another) {
    std::set<std::string_view> names;
    std::size_t tags = 0;
    for (std::uint32_t tag = 0; tag <= 0xFFFF; ++tag) {
        tags += apdu::piv_object_name(tag) ? 1 : 0;
    }
    BOOST_TEST(tags == 2U); // 7E and 7F61
    for (std::uint32_t tag = 0x5F0000; tag <= 0x5FFFFF; ++tag) {
        if (const auto name = apdu::piv_object_name(tag)) {
            names.insert(*name);
            BOOST_TEST((apdu::piv_object_tag(*name) == tag));
        }
    }
    BOOST_TEST(names.size() == 34U);
    BOOST_TEST((apdu::piv_object_tag("discovery") == 0x7EU));
    BOOST_TEST((apdu::piv_object_tag("biometric-information-templates") == 0x7F61U));
    for (std::uint32_t i = 1; i <= 20; ++i) {
        BOOST_TEST((apdu::piv_object_tag("retired-certificate-" + std::to_string(i)) == 0x5FC10CU + i));
    }
    BOOST_TEST(!apdu::piv_object_tag("retired-certificate-21").has_value());
    BOOST_TEST(!apdu::piv_object_tag("").has_value());
    BOOST_TEST(!apdu::piv_object_name(0x5FC104).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
