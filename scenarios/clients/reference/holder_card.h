// A holder's card in a reader: whose it is, and what is done with it in one go.
#pragma once

#include "scenarios/clients/reference/authority.h"
#include "scenarios/clients/reference/certificate.h"
#include "scenarios/clients/reference/failure.h"
#include "scenarios/clients/reference/pcsc.h"
#include "scenarios/clients/reference/person.h"
#include "scenarios/clients/reference/piv.h"

#include <array>
#include <functional>
#include <optional>
#include <string>

namespace cardrig::client {

/// Whose a card is: what anybody may read on it.
struct CardIdentity {
    std::string guid;
    Holder holder;
    std::array<std::optional<Certificate>, 2> certificates; ///< 9A, 9C; none where it is absent or damaged
};

class HolderCard final {
public:
    /// Called before each command; throws where there is to be none.
    using Guard = std::function<void()>;

    /// Connects, and reads whose it is. Throws Failure: what cannot be read, and a card that is nobody's.
    explicit HolderCard(const std::string& reader, Guard guard = {});

    [[nodiscard]] const CardIdentity& identity() const { return identity_; }
    [[nodiscard]] const std::optional<Certificate>& certificate(Slot slot) const;
    void set_certificate(Slot slot, Certificate certificate);
    [[nodiscard]] const std::string& reader() const { return connection_.reader(); }
    [[nodiscard]] bool still_there() const { return connection_.still_there(); }
    /// The earlier end of its certificates.
    [[nodiscard]] std::chrono::sys_seconds ends() const;

    /// Runs what belongs together in a transaction. Where the card was reset or taken out since, it is
    /// connected to again, and is to be the same one. Throws Failure for whatever fails at the card.
    void step(const std::function<void()>& work);

    // --- within a step

    [[nodiscard]] Piv& piv() { return piv_; }
    /// That it is still the same card. Throws Failure.
    void check_whose();
    /// Gives the passcode, to the card whose it is: this is looked at right before. Throws CardError if it is
    /// refused; for passcodes that the card has accepted before.
    void give(const Secret& passcode);
    /// The status of a passcode that may be wrong.
    [[nodiscard]] apdu::StatusWord try_passcode(const Secret& passcode);
    /// The same of an old one that may be wrong.
    [[nodiscard]] apdu::StatusWord change_passcode(const Secret& old_one, const Secret& new_one);
    /// A signature by the key in this slot which `key` verifies; none where it is another key, or there is
    /// none. The passcode is given where the card wants it.
    [[nodiscard]] std::optional<apdu::Bytes> sign(KeyReference slot, const PublicKey& key,
                                                  apdu::ByteView data, const Secret& passcode);
    [[nodiscard]] std::optional<apdu::Bytes> sign(Slot slot, const PublicKey& key, apdu::ByteView data,
                                                  const Secret& passcode) {
        return sign(reference_of(slot), key, data, passcode);
    }
    /// Whether the key in this slot is the one of the certificate: a random text is signed and verified.
    [[nodiscard]] bool proves(KeyReference slot, const Certificate& certificate, const Secret& passcode);
    [[nodiscard]] bool proves(Slot slot, const Certificate& certificate, const Secret& passcode) {
        return proves(reference_of(slot), certificate, passcode);
    }
    /// The management key's challenge is answered by the authority, unless it was since the card has power.
    void authenticate_host(const Authority& authority);
    void forget_host() { host_known_ = false; }

private:
    class GuardedChannel final : public Channel {
    public:
        GuardedChannel(Connection& connection, Guard guard)
            : connection_(connection), guard_(std::move(guard)) {}
        [[nodiscard]] apdu::Bytes transmit(apdu::ByteView command, std::chrono::milliseconds limit) override;
        [[nodiscard]] bool expects_length_with_data() const override {
            return connection_.expects_length_with_data();
        }

    private:
        Connection& connection_;
        Guard guard_;
    };

    [[nodiscard]] CardIdentity read_identity();
    void check_identity();
    [[nodiscard]] bool begin_transaction();
    void begin();
    [[nodiscard]] bool another_card_is_in();

    Connection connection_;
    GuardedChannel channel_;
    Piv piv_;
    CardIdentity identity_;
    bool host_known_ = false; ///< the card has accepted the management key
};

/// Asks until the card accepts it; each try is one that the person typed. Throws Failure: locked, cancelled.
[[nodiscard]] Secret ask_passcode(const Person& person, HolderCard& card, std::string_view question);
/// Whether it could be sent at all: cards in the field have four to eight characters.
[[nodiscard]] bool could_be_passcode(const Secret& passcode);
/// What new ones are like: six to eight digits.
[[nodiscard]] bool good_new_passcode(const Secret& passcode);
[[nodiscard]] Failure bad_passcode();

} // namespace cardrig::client
