// What stands in a card's data objects (SP 800-73-4 part 1, appendix A). A card may answer anything: nothing
// here trusts it.
#pragma once

#include "apdu/bytes.h"
#include "scenarios/clients/reference/piv.h"

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace cardrig::client {

/// The DER of a certificate object, inflated where it is packed with gzip. None where it is no such object.
[[nodiscard]] std::optional<apdu::Bytes> certificate_in(apdu::ByteView content);
/// The object for a certificate as it is.
[[nodiscard]] apdu::Bytes certificate_container(apdu::ByteView certificate);
/// The larger ones find no room in the buffers of this world's hosts and cards.
inline constexpr std::size_t largest_container = 3063;

/// What a token answers to GET METADATA of a key pair. None where it is no such thing.
[[nodiscard]] std::optional<KeyMetadata> metadata_in(apdu::ByteView content);

/// Which slots for retired keys a renewal uses, for whoever goes on with it: 80 the renewal's name at the
/// authority, 81 three key references: where the new keys of 9A and of 9C are made, and where an old one
/// waits; 82 and 83 the keys of before and the new ones, 32 bytes each.
struct WorkNote {
    std::string renewal;
    std::array<KeyReference, 3> slots{};
    /// As PublicKey::id() names them: whatever else lies in those slots is not of the renewal.
    std::vector<std::string> old_keys;
    std::vector<std::string> new_keys;
    friend bool operator==(const WorkNote&, const WorkNote&) = default;
};
/// Among those that a token's maker leaves to whoever has a use for them.
inline constexpr apdu::Tag work_note_object = 0x5FFF60;
[[nodiscard]] apdu::Bytes work_note_container(const WorkNote& note);
/// None where it is none, or has half a key in it, or names slots that are not for retired keys, or one of
/// them twice.
[[nodiscard]] std::optional<WorkNote> work_note_in(apdu::ByteView content);

/// The GUID of a cardholder unique identifier, 32 upper-case hexadecimal digits; none where there is none.
[[nodiscard]] std::optional<std::string> guid_in(apdu::ByteView content);

} // namespace cardrig::client
