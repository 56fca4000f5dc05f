// Looks into a card's memory by meaning, without a command, so that no try is spent and nothing moves: for
// showing, comparing, and judging a card after a run.
#pragma once

#include "apdu/ber_tlv.h"
#include "emulator/card_image.h"
#include "emulator/piv/piv_memory.h"

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cardrig::emulator {

struct CertificateState {
    std::string subject; ///< RFC 2253, as OpenSSL prints it
    std::string issuer;
    std::string serial; ///< upper-case hex
    std::chrono::sys_seconds not_before;
    std::chrono::sys_seconds not_after;
    Algorithm algorithm{};
    Bytes der;
    std::string sha256;       ///< of the DER, upper-case hex
    bool matches_key = false; ///< a signature made with the slot's key verified under it, really made now
};

/// A key reference and what belongs to it: a key pair, a certificate, both or neither.
struct SlotState {
    piv::KeyReference reference = 0;
    std::optional<Algorithm> key;
    piv::KeyOrigin origin = piv::KeyOrigin::generated; ///< of the key, where there is one
    std::uint8_t passcode_policy = 0;                  ///< of the key: see StoredKey
    std::string key_sha256; ///< of the SubjectPublicKeyInfo, upper-case hex; empty without a key
    /// Where the key object is there and cannot be read: why.
    std::optional<std::string> key_damage;
    std::string stored_key_sha256; ///< of the key object as it lies there, whole or not; empty without one
    std::optional<CertificateState> certificate;
    /// Where the certificate object is there and cannot be read: why.
    std::optional<std::string> certificate_damage;
    std::string
        stored_certificate_sha256; ///< of the object as it lies there, whole or not; empty without one
};

struct CounterState {
    std::uint8_t left = 0;
    std::uint8_t limit = 0;
};

/// A data object other than certificates, by its tag.
struct ObjectState {
    std::size_t size = 0;
    std::string sha256;
    bool unfinished = false; ///< being written when the power went, or another command came: counts as absent
};

struct CardState {
    std::string profile;
    std::string atr;  ///< hex
    std::string guid; ///< hex, from the CHUID; empty without one
    CounterState passcode;
    CounterState unblocking_code;
    /// Of cards that have one.
    std::optional<CounterState> global_passcode;
    std::optional<Algorithm> management_algorithm; ///< none where the key is damaged
    bool management_key_touch = false;             ///< whether it was set to ask for a touch
    /// SHA-256 of what the card keeps: tells a change. Six digits are soon guessed from it, so it is as
    /// secret as the passcode and is never shown.
    std::string passcode_digest;
    std::string unblocking_code_digest;
    std::string global_passcode_digest; ///< empty on a card that has none
    std::string management_key_digest;
    /// What every card has, where it is missing or of the wrong form: why.
    std::optional<std::string> passcode_damage;
    std::optional<std::string> unblocking_code_damage;
    std::optional<std::string> global_passcode_damage; ///< on cards that take one
    std::optional<std::string> management_key_damage;
    std::vector<SlotState> slots; ///< those with a key or a certificate, by reference
    std::map<apdu::Tag, ObjectState> objects;
    std::uint32_t free_bytes = 0;

    [[nodiscard]] const SlotState* slot(piv::KeyReference reference) const;
};

/// Works on a copy of the memory (recovery may write). Fails where the memory is no card's; whatever is
/// damaged on one that is, is told in the state.
[[nodiscard]] Result<CardState> inspect(const CardImage& image);

/// What was found out about keys and certificates, by their bytes: for looks at many states of one card,
/// which sign again only where a key meets a certificate that it has not met before. Not thread-safe.
class InspectionMemo final {
public:
    InspectionMemo();
    InspectionMemo(const InspectionMemo&) = delete;
    InspectionMemo& operator=(const InspectionMemo&) = delete;
    ~InspectionMemo();
    /// Made and verified so far.
    [[nodiscard]] std::uint64_t signatures() const;

    struct Parts;
    [[nodiscard]] Parts& parts() { return *parts_; }

private:
    std::unique_ptr<Parts> parts_;
};

/// As without one.
[[nodiscard]] Result<CardState> inspect(const CardImage& image, InspectionMemo& memo);
/// Of a card that has power: the store is its own.
[[nodiscard]] CardState inspect(const CardConfig& config, const ObjectStore& store, InspectionMemo& memo);

/// Whether this is the card's passcode; costs no try. Whether the passcode is blocked makes no difference.
[[nodiscard]] Result<bool> passcode_is(const CardImage& image, std::string_view passcode);

/// The same of the global passcode; fails on a card that has none.
[[nodiscard]] Result<bool> global_passcode_is(const CardImage& image, std::string_view passcode);

/// The same of a state that was looked at; false where it has none.
[[nodiscard]] bool passcode_is(const CardState& state, std::string_view passcode);
[[nodiscard]] bool global_passcode_is(const CardState& state, std::string_view passcode);

} // namespace cardrig::emulator
