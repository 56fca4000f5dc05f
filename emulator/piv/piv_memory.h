// Where the PIV application keeps what: numbers of objects and counters in the object store, and the form of
// those that are not simply the bytes that a host wrote.
#pragma once

#include "apdu/ber_tlv.h"
#include "emulator/card_config.h"
#include "emulator/crypto.h"
#include "emulator/object_store.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace cardrig::emulator::piv {

/// A key reference (SP 800-73-4 part 1, table 4b): 9A, 9C, 9D, 9E, 82 to 95; 9B is the management key.
using KeyReference = std::uint8_t;
inline constexpr KeyReference authentication_key = 0x9A;
inline constexpr KeyReference management_key = 0x9B;
inline constexpr KeyReference signature_key = 0x9C;
inline constexpr KeyReference key_management_key = 0x9D;
inline constexpr KeyReference card_authentication_key = 0x9E;
/// Of the token extensions: the key that vouches for keys made on the card.
inline constexpr KeyReference attestation_key = 0xF9;

/// A data object under its BER-TLV tag, as 53/7E/7F61 content stands in PUT DATA: the value alone,
/// without 53.
[[nodiscard]] constexpr ObjectId data_object(apdu::Tag tag) {
    return ObjectId{tag};
}
/// There as long as a data object is being written block by block: until it is gone, the object counts as
/// absent, whatever lies there. Holds how many bytes the object is to have: four, little-endian.
[[nodiscard]] constexpr ObjectId unfinished_mark(apdu::Tag tag) {
    return ObjectId{0x0300'0000U | tag};
}
/// Whether a data object was written, and to its end.
[[nodiscard]] bool is_written(const ObjectStore& store, apdu::Tag tag);
/// What was written under the tag, to its end.
[[nodiscard]] std::optional<Bytes> written_object(const ObjectStore& store, apdu::Tag tag);
/// A key pair: see StoredKey.
[[nodiscard]] constexpr ObjectId key_object(KeyReference key) {
    return ObjectId{0x0100'0000U | key};
}
/// Eight bytes, padded with FF.
inline constexpr ObjectId passcode_object{0x0200'0080U};
inline constexpr ObjectId unblocking_code_object{0x0200'0081U};
/// The card's own passcode, on cards that have one.
inline constexpr ObjectId global_passcode_object{0x0200'0000U};
/// Algorithm identifier, then the key.
inline constexpr ObjectId management_key_object{0x0200'009BU};
/// Of the token extensions: there, and empty, where the management key was set to ask for a touch.
inline constexpr ObjectId management_key_touch_object{0x0200'019BU};
/// Of the token extensions: the limits of the retry counters where a host has set them, one byte for the
/// passcode, one for the unblocking code.
inline constexpr ObjectId retry_limits_object{0x0200'00FAU};

[[nodiscard]] Bytes management_key_content(Algorithm algorithm, ByteView key);

/// What retry counters start from.
struct RetryLimits {
    std::uint8_t passcode = 0;
    std::uint8_t unblocking_code = 0;
};
/// Those that a host has set; else those of the card's rules.
[[nodiscard]] RetryLimits retry_limits(const ObjectStore& store, const PivConfig& config);

/// Bytes of a code as it lies there.
inline constexpr std::size_t code_size = 8;
/// A code as it lies there and as it is sent (SP 800-73-4 part 2, 2.4.3). Of up to eight bytes: longer ones
/// stay as they are, and are no code.
[[nodiscard]] Bytes padded_code(std::string_view code);
/// Whether it is what memory reads as that nothing was ever written to, or that lost it: FF or 00 throughout.
/// A torn card without protection may have it where a code should be, and no code is taken for it.
[[nodiscard]] bool is_blank_code(ByteView stored);
/// The data object that names the card: the cardholder unique identifier (SP 800-73-4 part 1, table 3).
inline constexpr apdu::Tag chuid_tag = 0x5FC102;

inline constexpr CounterId passcode_tries{0};
inline constexpr CounterId unblocking_code_tries{1};
inline constexpr CounterId global_passcode_tries{2};

/// Counters never stand above that.
inline constexpr std::uint8_t most_tries = 15;
/// What a retry counter says; 0, blocked, where it says more than any counter may: it is torn or erased, and
/// must not be taken for many tries.
[[nodiscard]] std::uint8_t tries_left(const ObjectStore& store, CounterId counter);

enum class KeyOrigin : std::uint8_t { generated = 1, imported = 2 };

/// A key pair as it lies in memory: format (1), algorithm, origin, passcode policy, then PKCS#8 DER.
struct StoredKey {
    Algorithm algorithm = Algorithm::rsa2048;
    KeyOrigin origin = KeyOrigin::generated;
    std::uint8_t passcode_policy = 0; ///< 0 as the slot's default; 1 never, 2 once, 3 always
    Bytes pkcs8;

    [[nodiscard]] Bytes encode() const;
    [[nodiscard]] static Result<StoredKey> decode(ByteView bytes);
};

/// The data object that holds the certificate of a key: 5FC105 for 9A and so on; none for 9B.
[[nodiscard]] std::optional<apdu::Tag> certificate_tag(KeyReference key);
/// Of the token extensions: the certificate of the attestation key.
inline constexpr apdu::Tag attestation_certificate_tag = 0x5FFF01;
/// The same, and that of the attestation key.
[[nodiscard]] std::optional<apdu::Tag> slot_certificate_tag(KeyReference key);
/// The certificate's DER inside such an object's content (70, 71), inflated where it is compressed with gzip:
/// none if it is not there, compressed otherwise, or more than 65,536 bytes.
[[nodiscard]] std::optional<Bytes> certificate_in(ByteView content);
/// 70 certificate, 71 00, FE (SP 800-73-4 part 1, table 10).
[[nodiscard]] Bytes certificate_container(ByteView der);

} // namespace cardrig::emulator::piv
