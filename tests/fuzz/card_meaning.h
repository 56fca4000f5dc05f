// What a command asks of a PIV card (SP 800-73-4 part 2, 3), read without the card's own code: the model of a
// card must not share its misreadings.
#pragma once

#include "apdu/ber_tlv.h"
#include "apdu/command_apdu.h"
#include "emulator/card_config.h"

#include <cstdint>
#include <optional>

namespace fuzz {

using cardrig::apdu::Bytes;
using cardrig::apdu::ByteView;

enum class Kind : std::uint8_t {
    malformed,    ///< no APDU
    refused,      ///< nothing that the card may carry out
    block,        ///< of a chain, and more follow; the tag, where it is one of PUT DATA and that has come
    too_long,     ///< more data than the card takes
    select,       ///< of an application
    get_response, ///< in the only form that it has
    get_data,     ///< tag
    query,        ///< reference: VERIFY without data
    forget,       ///< reference: VERIFY with P1 FF
    verify,       ///< reference, shown
    change,       ///< reference, shown, replacement
    unblock,      ///< shown, replacement
    put_data,     ///< tag and value; no tag where the data are malformed
    generate,     ///< reference, and perhaps policy
    ask_host,     ///< 9B: a witness or a challenge is asked for
    prove_host,   ///< 9B: the host proves itself
    use_key,      ///< reference, template elements; 9B: the card proves itself
    inform,       ///< a token's command that changes nothing
    import_key,   ///< reference, algorithm, value, perhaps policy
    set_tries,    ///< algorithm and reference: P1 and P2
    set_management_key, ///< reference: P2; value
    reset_token,        ///<
    move_key,           ///< from reference to algorithm: P2 and P1
    other_9b,           ///< GENERAL AUTHENTICATE with 9B in no form of the standard's
};

struct Meaning {
    Kind kind = Kind::refused;
    std::uint8_t reference = 0; ///< of a key or a code
    std::uint8_t instruction = 0;
    std::uint8_t algorithm = 0; ///< P1
    std::uint8_t policy = 0;    ///< AA of GENERATE
    std::optional<cardrig::apdu::Tag> tag;
    Bytes value;
    Bytes shown;
    Bytes replacement;
    /// Elements of a dynamic authentication template, empty ones included.
    std::optional<Bytes> witness;
    std::optional<Bytes> challenge;
    std::optional<Bytes> response;
    std::optional<Bytes> point;
    std::optional<std::uint32_t> ne;
};

/// Puts chains together as it goes.
class Reader final {
public:
    explicit Reader(const cardrig::emulator::PivConfig& config) : config_(config) {}

    [[nodiscard]] Meaning read(ByteView command);
    /// Power, a reset, or a block that was refused.
    void forget() { chain_.reset(); }

private:
    [[nodiscard]] bool may_come_in_blocks(std::uint8_t instruction) const;
    struct Chain {
        std::uint8_t ins = 0;
        std::uint8_t p1 = 0;
        std::uint8_t p2 = 0;
        Bytes data;
    };

    cardrig::emulator::PivConfig config_;
    std::optional<Chain> chain_;
};

} // namespace fuzz
