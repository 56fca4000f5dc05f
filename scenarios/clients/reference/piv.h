// The commands of a PIV card (SP 800-73-4 part 2), by short APDUs, under T=0 and T=1.
#pragma once

#include "apdu/ber_tlv.h"
#include "apdu/response_apdu.h"
#include "scenarios/clients/reference/channel.h"
#include "scenarios/clients/reference/secret.h"

#include <array>
#include <cstdint>
#include <optional>

namespace cardrig::client {

/// SP 800-73-4 part 1, table 4b: 9A and 9C, and 82 to 95 for retired keys.
using KeyReference = std::uint8_t;
inline constexpr KeyReference first_retired = 0x82;
inline constexpr KeyReference last_retired = 0x95;

enum class Slot : KeyReference { authentication = 0x9A, signature = 0x9C };
[[nodiscard]] constexpr KeyReference reference_of(Slot slot) {
    return static_cast<KeyReference>(slot);
}
[[nodiscard]] const char* name_of(Slot slot); ///< "9A", "9C"
[[nodiscard]] constexpr Slot other_of(Slot slot) {
    return slot == Slot::authentication ? Slot::signature : Slot::authentication;
}
[[nodiscard]] constexpr apdu::Tag certificate_object(Slot slot) {
    return slot == Slot::authentication ? 0x5FC105 : 0x5FC10A;
}
/// SP 800-73-4 part 1, table 3: of 9A, 9C, or a retired key.
[[nodiscard]] constexpr apdu::Tag certificate_object(KeyReference key) {
    return key >= first_retired && key <= last_retired ? 0x5FC10D + (key - first_retired)
                                                       : certificate_object(static_cast<Slot>(key));
}
inline constexpr apdu::Tag holder_id_object = 0x5FC102;

/// When a key of a token wants the passcode; what its maker's commands say.
enum class PasscodePolicy : std::uint8_t { never = 1, once = 2, always = 3 };

/// What a token tells of a key.
struct KeyMetadata {
    std::uint8_t algorithm = 0;
    std::uint8_t passcode_policy = 0;
    bool generated = false; ///< on the card
    apdu::Bytes public_key; ///< 7F49, as GENERATE ASYMMETRIC KEY PAIR answers
};

/// SP 800-78-4, 6.1: of the management key.
struct ManagementChallenge {
    std::uint8_t algorithm = 0;
    apdu::Bytes challenge; ///< one block
};

class Piv final {
public:
    explicit Piv(Channel& channel) : channel_(channel) {}

    /// Throws CardError where there is no such application.
    void select();
    /// What is in an object, without its outer tag; none where it is not there. Throws CardError.
    [[nodiscard]] std::optional<apdu::Bytes> read(apdu::Tag object);
    [[nodiscard]] apdu::StatusWord write(apdu::Tag object, apdu::ByteView content);

    /// How many tries the passcode has left; none where the card does not tell (it was given already). 0:
    /// locked.
    [[nodiscard]] std::optional<unsigned> tries();
    /// Passcodes have at most eight bytes.
    [[nodiscard]] apdu::StatusWord verify(const Secret& passcode);
    [[nodiscard]] apdu::StatusWord change_passcode(const Secret& old_one, const Secret& new_one);
    [[nodiscard]] apdu::StatusWord change_unblocking_code(const Secret& old_one, const Secret& new_one);
    [[nodiscard]] apdu::StatusWord reset_retry_counter(const Secret& unblocking_code, const Secret& passcode);

    /// The public key's template (7F49), or why not. `policy`: a token's alone.
    [[nodiscard]] apdu::ResponseApdu generate(KeyReference key, std::uint8_t algorithm,
                                              std::optional<PasscodePolicy> policy = std::nullopt);
    /// The input as the algorithm has it: a padded block, or a hash.
    [[nodiscard]] apdu::ResponseApdu sign(KeyReference key, std::uint8_t algorithm, apdu::ByteView input);
    /// Asks with each algorithm that management keys have, the likely ones first. Throws CardError if none is
    /// taken.
    [[nodiscard]] ManagementChallenge management_challenge();
    [[nodiscard]] apdu::StatusWord answer_challenge(std::uint8_t algorithm, apdu::ByteView response);

    // --- of tokens whose maker has these commands

    /// Firmware: major, minor, patch; none where the card does not know the command.
    [[nodiscard]] std::optional<std::array<std::uint8_t, 3>> version();
    /// None where there is no key. Throws CardError.
    [[nodiscard]] std::optional<KeyMetadata> metadata(KeyReference key);
    /// With all that the token knows of it; its certificate stays. `to` is to have none.
    [[nodiscard]] apdu::StatusWord move_key(KeyReference from, KeyReference to);
    [[nodiscard]] apdu::StatusWord delete_key(KeyReference key);

private:
    /// Sends data of any length in a chain, and fetches what there is of an answer.
    [[nodiscard]] apdu::ResponseApdu command(std::uint8_t ins, std::uint8_t p1, std::uint8_t p2,
                                             apdu::ByteView data, bool expects_answer,
                                             std::chrono::milliseconds limit);
    [[nodiscard]] apdu::ResponseApdu fetch(apdu::ResponseApdu first);
    [[nodiscard]] apdu::ResponseApdu exchange(const apdu::Bytes& bytes, std::chrono::milliseconds limit);

    Channel& channel_;
    std::optional<std::uint8_t> management_algorithm_;
};

/// From the status of a passcode's command: how many tries are left, where that is what it says.
[[nodiscard]] std::optional<unsigned> tries_left(apdu::StatusWord status);

} // namespace cardrig::client
