// Tells a PIV conversation's meaning from its bytes alone (SP 800-73-4 part 2), so that a place in it can be
// named and aimed at, whoever the card is. It keeps what the bytes leave open: which application is
// selected, and which chain a block belongs to.
#pragma once

#include "apdu/bytes.h"
#include "apdu/status_word.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cardrig::apdu {

/// A command's meaning. The words are those of places: "put-data", "signature-certificate".
struct DecodedCommand {
    /// select, verify, change-reference-data, reset-retry-counter, general-authenticate, generate-key-pair,
    /// get-data, put-data, get-response, and `ins-XX` for any other instruction; `malformed` for no APDU.
    std::string name;
    /// Object or key in words: a data object's name for get-data and put-data (its tag in hex if unknown),
    /// the key reference ("9A") for general-authenticate and generate-key-pair, "passcode" or
    /// "unblocking-code" for the verifying commands, "piv" or the AID in hex for select; empty where there is
    /// none.
    std::string object;
    /// What else tells it apart, in words, e.g. "query" (VERIFY without data), "sign",
    /// "authenticate-witness", "authenticate-challenge", "authenticate-response", "delete" (PUT DATA of an
    /// empty object); else empty.
    std::string detail;
    /// Block of a chain, from 1; 1 for an unchained command.
    std::uint32_t block = 1;
    /// False while more blocks follow.
    bool last_block = true;
    /// True where the command's data is a passcode, an unblocking code or key material: to be redacted.
    bool command_secret = false;
    /// True where the answer's data is secret (a management-key exchange).
    bool response_secret = false;

    /// "put-data signature-certificate block 3": name, object, and the block where it is not a single one.
    [[nodiscard]] std::string text() const;
};

/// Fed with every command and response of one card in order. Never fails: what it cannot read is `malformed`
/// or `ins-XX`.
class Decoder {
public:
    [[nodiscard]] DecodedCommand command(ByteView bytes);
    /// Tells the decoder how the command just decoded was answered (a refused SELECT changes nothing).
    void response(StatusWord status);
    /// Power or reset: chains and selection are gone.
    void reset();

private:
    struct Chain {
        std::uint8_t ins = 0;
        std::uint8_t p1 = 0;
        std::uint8_t p2 = 0;
        std::uint32_t blocks = 0;
        std::string object;
        std::string detail;
        bool command_secret = false;
        bool response_secret = false;
    };
    std::optional<Chain> chain_;
    std::optional<bool> selecting_piv_;
    bool piv_selected_ = true;
    bool last_answer_secret_ = false;
};

/// The name that places, YAML and reports use for a PIV data object, by its BER-TLV tag (0x5FC105 is
/// "authentication-certificate"); none if the standard has no such object.
[[nodiscard]] std::optional<std::string_view> piv_object_name(std::uint32_t tag);
[[nodiscard]] std::optional<std::uint32_t> piv_object_tag(std::string_view name);

} // namespace cardrig::apdu
