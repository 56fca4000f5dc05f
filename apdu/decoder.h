// Tells a PIV conversation's meaning from its bytes alone (SP 800-73-4 part 2), so that a place in it can be
// named and aimed at, whoever the card is. It keeps what the bytes leave open: which application is
// selected, and which chain a block belongs to.
#pragma once

#include "apdu/bytes.h"
#include "apdu/command_apdu.h"
#include "apdu/status_word.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cardrig::apdu {

/// A command's meaning. The words are those of places: "put-data", "signature-certificate".
struct DecodedCommand {
    /// select, verify, change-reference-data, reset-retry-counter, general-authenticate, generate-key-pair,
    /// get-data, put-data, get-response; of key tokens get-version, get-serial, get-metadata, attest,
    /// import-key, set-pin-retries, set-management-key, reset-piv, move-key, delete-key; and `ins-XX` for any
    /// other instruction; `malformed` for no APDU.
    std::string name;
    /// Object or key in words: a data object's name for get-data and put-data (its tag in hex if unknown),
    /// the key reference ("9A") for general-authenticate, generate-key-pair, attest, import-key, move-key
    /// (the one that the key has) and delete-key, for get-metadata that or a code, "passcode",
    /// "global-passcode" or "unblocking-code" for the verifying commands (other references in hex; with
    /// "-status" behind it for a VERIFY without data, which compares nothing), "piv" or the AID in hex for
    /// select; empty where there is none.
    std::string object;
    /// What else tells it apart, in words; else empty.
    /// verify: "query" (no data), "reset" (forget that it was verified).
    /// general-authenticate: "authenticate-witness", "authenticate-challenge" (one is asked for),
    /// "authenticate-response" (the host proves itself, mutually or not), "authenticate-internal" (the card
    /// does, with 9B), "sign", "decipher" (RSA with a key-management key), "agree" (ECDH),
    /// "establish-secure-messaging".
    /// put-data: "delete" (an empty object). move-key: "to 82". select: "file" (not by AID).
    std::string detail;
    /// Block of a chain, from 1; 1 for an unchained command.
    std::uint32_t block = 1;
    /// False while more blocks follow.
    bool last_block = true;
    /// True where the command's data is a passcode, an unblocking code or key material: to be redacted. Told
    /// by instruction (in both its forms, with even and odd number) whatever the class, the selection and the
    /// form, so that a passcode sent wrongly is kept too. PUT DATA to 3FFF is secret unless its head tells an
    /// object that holds no secret; and where a chain of secrets breaks off, so are further blocks with its
    /// instruction and parameters, up to the last.
    bool command_secret = false;
    /// True where the answer's data is secret: a management-key exchange, what was deciphered or agreed, an
    /// object that may hold a secret, and what GET RESPONSE fetches of these. RSA signs and deciphers by one
    /// and the same command, with any key; its answer is secret unless the input begins as a PKCS #1 v1.5
    /// signature does. A PSS signature cannot be told from a decipherment, and is kept too.
    bool response_secret = false;

    /// "put-data signature-certificate block 3": name, object, and the block where it is not a single one.
    [[nodiscard]] std::string text() const;
};

/// Fed with every command and response of one card in order. Never fails: what it cannot read is `malformed`
/// or `ins-XX`, and so are PIV's commands while another application is selected and those with a class byte
/// other than 00 and 10. A block whose header does not continue the chain at hand drops it, and so does a
/// refused block.
class Decoder {
public:
    [[nodiscard]] DecodedCommand command(ByteView bytes);
    /// Tells the decoder how the command just decoded was answered (a refused SELECT changes nothing).
    void response(StatusWord status);
    /// Power or reset: chains and selection are gone.
    void reset();

private:
    struct Chain {
        std::uint8_t cla = 0; ///< without the chaining bit
        std::uint8_t ins = 0;
        std::uint8_t p1 = 0;
        std::uint8_t p2 = 0;
        std::uint32_t blocks = 0;
        bool secret = false; ///< its data so far
        Bytes head; ///< the first bytes of the data, over all blocks so far: enough to tell the meaning
    };

    [[nodiscard]] DecodedCommand decode(const CommandApdu& command, ByteView head, bool has_data) const;

    void drop_chain();
    [[nodiscard]] bool is_secret_rest(const Chain& chain) const;

    std::optional<Chain> chain_;
    std::optional<Chain> secret_rest_;  ///< a chain of secrets that broke off, until its last block was seen
    std::optional<bool> selecting_piv_; ///< the command now under way selects PIV, or something else
    bool piv_selected_ = true;
    bool last_answer_secret_ = false;
};

/// The name that places, YAML and reports use for a PIV data object, by its BER-TLV tag (0x5FC105 is
/// "authentication-certificate"); none if the standard has no such object.
[[nodiscard]] std::optional<std::string_view> piv_object_name(std::uint32_t tag);
[[nodiscard]] std::optional<std::uint32_t> piv_object_tag(std::string_view name);

} // namespace cardrig::apdu
