// The PIV card application's commands as values (SP 800-73-4 part 2, 3): decoded once, so that no other code
// looks at command bytes.
//
// Class, instruction, P1-P2 and Lc are checked by decode(). What is wrong with the data of a command that
// needs authorisation may only be told after the authorisation was checked; such a command carries either its
// decoded data or the status word that refuses them.
#pragma once

#include "apdu/ber_tlv.h"
#include "apdu/command_apdu.h"
#include "apdu/status_word.h"
#include "emulator/algorithm.h"
#include "emulator/card_config.h"
#include "emulator/command_chain.h"
#include "emulator/piv/piv_memory.h"

#include <array>
#include <cstdint>
#include <optional>
#include <variant>

#include <tl/expected.hpp>

namespace cardrig::emulator::piv {

using apdu::ByteView;
using apdu::StatusWord;

/// Decoded, or the status word that refuses it.
template <class T>
using Decoded = tl::expected<T, StatusWord>;

/// Passcode or unblocking code as it comes: eight bytes, padded with FF or not.
using ReferenceBlock = std::array<std::uint8_t, 8>;

/// What a code is called in P2 (SP 800-73-4 part 1, table 4a).
enum class ReferenceData : std::uint8_t {
    global_passcode = 0x00, ///< the card's
    passcode = 0x80,        ///< the application's own
    unblocking_code = 0x81,
};

struct GetData {
    apdu::Tag tag = 0;
};

/// VERIFY without data: is the passcode verified, and how many tries are left?
struct QueryPasscode {
    ReferenceData reference = ReferenceData::passcode;
};
/// VERIFY with P1 FF: take the verified status back.
struct ForgetPasscode {
    ReferenceData reference = ReferenceData::passcode;
};
struct VerifyPasscode {
    ReferenceData reference = ReferenceData::passcode;
    ReferenceBlock passcode{};
};

struct ChangeReferenceData {
    ReferenceData reference = ReferenceData::passcode;
    ReferenceBlock current{};
    ReferenceBlock replacement{};
};

struct ResetRetryCounter {
    ReferenceBlock unblocking_code{};
    ReferenceBlock passcode{};
};

struct PutData {
    struct Content {
        apdu::Tag tag = 0;
        Bytes value; ///< without the 53, 7E or 7F61 around it; empty to delete
    };
    Decoded<Content> content;
};

/// What stands before the value in the data of PUT DATA (SP 800-73-4 part 2, 3.3.1): 5C with the tag and 53,
/// or 7E, or 7F61.
struct PutDataHead {
    apdu::Tag tag = 0;
    std::uint32_t length = 0; ///< of the value
    std::size_t size = 0;     ///< of the head itself, in bytes
};

/// Reads it off the front of data that may come in pieces: none where it is cut short, 6A80 for what is no
/// such head.
[[nodiscard]] Decoded<std::optional<PutDataHead>> read_put_data_head(ByteView data);

/// 6A86 for other parameters than those of GET DATA and PUT DATA.
[[nodiscard]] StatusWord check_data_parameters(const apdu::CommandApdu& command);

struct GenerateKeyPair {
    struct Parameters {
        Algorithm algorithm = Algorithm::rsa2048;
        std::uint8_t passcode_policy = 0; ///< as StoredKey::passcode_policy
    };
    KeyReference key = 0;
    Decoded<Parameters> parameters;
};

/// What the dynamic authentication template (7C) of GENERAL AUTHENTICATE asks for.
struct RequestWitness {};   ///< 80 empty
struct RequestChallenge {}; ///< 81 empty
/// The host's answer to the card's challenge: 82.
struct AnswerChallenge {
    Bytes response;
};
/// The host's answer to the card's witness, and its own challenge: 80 and 81.
struct AnswerWitness {
    Bytes witness;
    Bytes challenge;
};
/// Use the key on this: 82 empty and 81.
struct UseKey {
    Bytes input;
};
/// Agree on a secret with this public key: 82 empty and 85.
struct AgreeOnSecret {
    Bytes point;
};
using AuthenticationTemplate =
    std::variant<RequestWitness, RequestChallenge, AnswerChallenge, AnswerWitness, UseKey, AgreeOnSecret>;

struct GeneralAuthenticate {
    /// Of the management key, what it cannot have is told here, and none is the key's own; of other keys,
    /// decode() refuses it.
    Decoded<std::optional<Algorithm>> algorithm;
    KeyReference key = 0;
    Decoded<AuthenticationTemplate> data;
};

using Command = std::variant<GetData, QueryPasscode, ForgetPasscode, VerifyPasscode, ChangeReferenceData,
                             ResetRetryCounter, GeneralAuthenticate, PutData, GenerateKeyPair>;

/// What commands that make or bring a key say of its use: the passcode policy (AA), 0 where there is none;
/// 6A80 where it, or the touch policy (AB), is none that the card has.
[[nodiscard]] Decoded<std::uint8_t> key_policies(const std::vector<apdu::TlvView>& elements);

/// Why a command is refused for its class byte; none for one that is fine.
[[nodiscard]] std::optional<StatusWord> class_refusal(const apdu::CommandApdu& command);

/// One whole command, chained blocks put together. SELECT of an application and GET RESPONSE are the card's.
/// The configuration says which references there are.
[[nodiscard]] Decoded<Command> decode(const apdu::CommandApdu& command, const PivConfig& config);

/// Puts a refusal where the data are of a command that carries them as Decoded; others stay as they are.
void refuse_data(Command& command, StatusWord refusal);

/// Whether the instruction's data may come in several blocks (SP 800-73-4 part 2, table 2), and how.
[[nodiscard]] std::optional<ChainPolicy> chain_policy(std::uint8_t instruction, const PivConfig& config);

} // namespace cardrig::emulator::piv
